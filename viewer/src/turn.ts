// Where a job is of which its stream does not tell: that does so when it begins,
// and at the end. It does not tell how a job that waits is getting on, nor how one
// ended while the page was away.

import { moodOf } from './status.ts'
import { Stream, type Options, type Sink, type State } from './stream.ts'

const SPACING = 5000 // ms

export class Turn {
  private timer = 0 // set while the job waits and nothing is asked
  private asked = -Infinity
  private question: Stream | null = null

  constructor(
    private readonly url: string,
    private readonly options: Options,
    private readonly told: (state: string) => void,
  ) {}

  /** The job's state was told. */
  heard(state: string): void {
    clearTimeout(this.timer)
    this.timer = moodOf(state, false) === 'queued' ? setTimeout(() => this.ask(), SPACING) : 0
  }

  /** A line came: the turn has come, perhaps. */
  line(): void {
    if (this.timer && Date.now() - this.asked >= SPACING) this.ask()
  }

  /** The job has ended, and how is not told. */
  ended(): void { this.ask() }

  /** Asks no more, until the state is told. */
  stop(): void {
    clearTimeout(this.timer)
    this.timer = 0
    this.question?.stop()
  }

  private ask(): void {
    this.stop()
    this.asked = Date.now()
    this.question = new Stream(this.url, this.sink(), { ...this.options, params: { state: 'true', tail: '0', follow: 'false' } })
    void this.question.run()
  }

  private sink(): Sink {
    const nothing = () => {}
    const ended = (s: State) => s.kind === 'complete' && s.state && this.told(s.state)
    return { job: this.told, state: ended, event: nothing, flush: nothing, gap: nothing, caughtUp: nothing, clock: nothing }
  }
}
