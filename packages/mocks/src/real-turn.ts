/**
 * Calls back in a later turn of the event loop, when all that follows from this one has happened.
 * It is no timer, so that mocks go on where a test has replaced the timers of the process.
 */
export function inRealTurn(callback: () => void): void {
  const { port1, port2 } = new MessageChannel()
  port1.addEventListener('message', () => {
    port1.close()
    callback()
  })
  port1.start()
  port2.postMessage(undefined)
}
