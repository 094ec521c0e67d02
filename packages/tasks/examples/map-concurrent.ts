import { sleep, systemClock } from '@aplomb/kernel'
import { mapConcurrent } from '@aplomb/tasks'

/** A source that would go on for ever. */
function* pageNumbers(): Generator<number> {
  for (let page = 1; ; page++) yield page
}

const fetchPage = async (page: number): Promise<string> => {
  await sleep(systemClock, 5)
  return `page ${page}`
}

// Eight at a time, in order; no more pages are begun than eight beyond what was read.
for await (const page of mapConcurrent(pageNumbers(), fetchPage, { concurrency: 8 })) {
  console.log(page)
  // Leaving the loop stops what is under way and closes the source.
  if (page === 'page 10') break
}
