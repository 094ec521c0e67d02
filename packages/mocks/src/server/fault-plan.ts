import type { Random } from '@aplomb/kernel'
import type { Plan } from '../plan.ts'
import type { Reply } from '../reply.ts'
import type { FaultChance } from './options.ts'

/** Decides, before the routes are asked, whether something strikes a request. */
export class FaultPlan {
  private readonly script: readonly (Reply | undefined)[]
  private readonly random: Random
  private readonly steps: readonly { readonly upTo: number; readonly plan: Plan }[]
  private position = 0

  constructor(
    script: readonly (Reply | undefined)[],
    chances: readonly FaultChance[],
    random: Random
  ) {
    this.script = script
    this.random = random
    let upTo = 0
    this.steps = chances.map(({ fault, probability }) => {
      upTo += probability
      return { upTo, plan: fault.plan }
    })
  }

  /** The next step of the script; undefined when it is over or leaves the request to others. */
  nextOfScript(): Reply | undefined {
    return this.position < this.script.length ? this.script[this.position++] : undefined
  }

  /** One draw for all chances, so that they are what they say however many there are. */
  draw(): Plan | undefined {
    if (this.steps.length === 0) return undefined
    const drawn = this.random()
    return this.steps.find(({ upTo }) => drawn < upTo)?.plan
  }
}
