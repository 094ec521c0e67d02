import { Queue, taskGroup } from '@aplomb/tasks'

const queue = new Queue<string>({ capacity: 10, name: 'letters' })

await taskGroup(async (group) => {
  for (const worker of ['first', 'second']) {
    group.spawn(worker, async () => {
      for await (const letter of queue) console.log(`${worker} got ${letter}`)
    })
  }
  for (const letter of ['a', 'b', 'c', 'd']) await queue.put(letter)
  queue.close()
})
