import { sleep, systemClock, type Context } from '@aplomb/kernel'
import { taskGroup, TasksFailedError } from '@aplomb/tasks'

const fetchUser = async (context: Context): Promise<string> => {
  await sleep(systemClock, 20, context)
  return 'ann'
}
const fetchOrders = async (context: Context): Promise<number> => {
  await sleep(systemClock, 10, context)
  return 3
}

// Both run at once, and neither outlives the group.
const summary = await taskGroup(async (group) => {
  const user = group.spawn('fetch user', fetchUser)
  const orders = group.spawn('fetch orders', fetchOrders)
  return `${await user} has ${await orders} orders`
})
console.log(summary)

// One fails: the other is told to stop, and the failure comes out with the name of its task.
try {
  await taskGroup((group) => {
    group.spawn('fetch user', fetchUser)
    group.spawn('fetch orders', () => Promise.reject(new Error('503')))
  })
} catch (error) {
  console.log(error instanceof TasksFailedError, (error as TasksFailedError).failures)
}
