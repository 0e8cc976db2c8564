// The lines of a severity and worse.

import { Listed } from './rows.ts'
import { ranks } from './event.ts'
import type { Log } from './log.ts'

export class Filter {
  readonly rows = new Listed()
  private seen = 0

  constructor(
    private readonly log: Log,
    readonly rank: number,
  ) {
    this.update()
  }

  update(): void {
    for (; this.seen < this.log.count; this.seen++) {
      if (this.log.rank(this.seen) >= this.rank) this.rows.push(this.seen)
    }
  }
}

/** How many lines each filter shows. */
export function totals(log: Log): number[] {
  const sums = [...log.counts]
  for (let rank = ranks.length - 2; rank >= 0; rank--) sums[rank]! += sums[rank + 1]!
  return sums
}
