// Search over all lines of a log, in slices; a log that grows is searched on.

import { Listed } from './rows.ts'
import { plain } from './sgr.ts'
import { pause } from './pause.ts'
import { rangesIn, type Query } from './match.ts'
import { Patterns, type Answer } from './patterns.ts'
import type { Range } from './links.ts'
import { SIZE, type Chunk, type Log } from './log.ts'

const SLICE = 8 // ms
const BATCH = 8 // chunks that a worker is given at once
const AHEAD = 3 // batches that it has, so that it does not wait for the page

export class Search {
  readonly found = new Listed()
  scanned = 0
  failure = ''
  private running = false
  private stopped = false
  private readonly slow = new Set<number>() // lines in which a pattern takes long
  private readonly patterns = new Patterns()
  private readonly asked: { from: number; to: number; answer: Promise<Answer> }[] = []

  constructor(
    private readonly log: Log,
    private readonly re: RegExp,
    private readonly query: Query,
    private readonly progress: () => void,
  ) {}

  stop(): void {
    this.stopped = true
    this.patterns.stop()
  }

  get done(): boolean { return this.scanned === this.log.count || this.failure !== '' }

  /** The matches in a line, to be shown. A pattern is tried only where it is known to match, and soon. */
  ranges(line: number, text: string): Range[] {
    if (!this.query.regex) return rangesIn(this.re, text)
    return this.found.has(line) && !this.slow.has(line) ? rangesIn(this.re, text.slice(0, this.patterns.most)) : []
  }

  async run(): Promise<void> {
    if (this.running) return
    this.running = true
    while (!this.done && !this.stopped) {
      if (this.query.regex) await this.pattern()
      else await this.slice()
      if (!this.stopped) this.progress()
    }
    this.running = false
  }

  private async slice(): Promise<void> {
    const until = performance.now() + SLICE
    while (!this.done && performance.now() < until) this.step()
    await pause()
  }

  private async pattern(): Promise<void> {
    while (this.asked.length < AHEAD && this.sent < this.log.count) this.ask()
    const { from, to, answer } = this.asked.shift()!
    try {
      const { hits, slow } = await answer
      for (const i of hits) this.found.push(from + i)
      for (const i of slow) this.slow.add(from + i)
      this.scanned = to
    } catch (error) {
      this.failure = (error as Error).message
    }
  }

  // Where the next question begins.
  private get sent(): number { return this.asked.at(-1)?.to ?? this.scanned }

  private ask(): void {
    const from = this.sent, to = Math.min(this.log.count, (Math.floor(from / SIZE) + BATCH) * SIZE)
    const answer = this.patterns.run(this.re, this.log.parts(from, to))
    answer.catch(() => {}) // the first that fails is waited for
    this.asked.push({ from, to, answer })
  }

  // A chunk, or what there is of it.
  private step(): void {
    const index = Math.floor(this.scanned / SIZE), c = this.log.chunks[index]!
    const first = index * SIZE, from = this.scanned - first
    const to = Math.min(SIZE, this.log.count - first)
    if (typeof c.text === 'string' && !c.coloured && from === 0) this.whole(c, c.text, first)
    else for (let i = from; i < to; i++) if (this.matches(this.log.text(first + i))) this.found.push(first + i)
    this.scanned = first + to
  }

  // All lines of a chunk at once, which is many times as fast.
  private whole({ ends }: Chunk, text: string, first: number): void {
    this.re.lastIndex = 0
    for (let m, line = 0; (m = this.re.exec(text)); this.re.lastIndex = ends[line]! + 1) {
      while (ends[line]! < m.index) line++
      this.found.push(first + line)
    }
  }

  private matches(text: string): boolean {
    this.re.lastIndex = 0
    return this.re.test(plain(text))
  }
}
