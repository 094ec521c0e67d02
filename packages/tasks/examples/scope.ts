import { gather, resource, scope } from '@aplomb/tasks'

const connection = (name: string) =>
  resource(
    async () => ({ name, query: async (text: string) => `${name}: ${text}` }),
    async () => console.log(`${name} closed`)
  )

await scope(async (root) => {
  const orders = await root.open(connection('orders'))
  const users = await root.open(connection('users'))
  const rows = await gather([() => orders.query('select 1'), () => users.query('select 2')])
  console.log(rows)
})
// users closed, then orders closed
