// Where a job is of which its stream does not tell: that does so when it begins,
// and at the end. It does not tell how a job that waits is getting on, nor that one
// which ran does something else or waits again.

import { moodOf } from './status.ts'
import { Stream, type Options, type Sink, type State } from './stream.ts'

const SPACING = 5000 // ms between questions while the job waits
const RARELY = 30_000 // else

export class Turn {
  private timer = 0 // set while there is something to ask, but not yet
  private waits = false
  private asked = -Infinity
  private due = Infinity // when lines have it asked; not before the state was told
  private question: Stream | null = null

  constructor(
    private readonly url: string,
    private readonly options: Options,
    private readonly told: (state: string) => void,
  ) {}

  /** The job's state was told. */
  heard(state: string): void {
    this.rest()
    this.waits = moodOf(state, false) === 'queued'
    this.due = this.waits ? this.asked + SPACING : Date.now() + RARELY
    if (this.waits) this.timer = setTimeout(() => this.ask(), SPACING)
  }

  /** A line came: the turn has come, perhaps. All that see it are not to ask at once where none of them waits. */
  line(): void {
    const left = Math.max(0, this.due - Date.now())
    if (this.waits && !left) this.ask()
    else if (left < Infinity) this.timer ||= setTimeout(this.seen, left + SPACING * Math.random())
  }

  // What nobody looks at is asked once somebody does.
  private seen = (): void => {
    if (document.hidden) document.addEventListener('visibilitychange', this.seen, { once: true })
    else this.ask(true)
  }

  /** The job has ended, and how is not told again. */
  ended(): void { this.ask() }

  /** Asks no more, until the state is told. */
  stop(): void {
    this.rest()
    this.due = Infinity
    this.question?.stop()
  }

  private rest(): void {
    clearTimeout(this.timer)
    document.removeEventListener('visibilitychange', this.seen)
    this.timer = 0
  }

  // What is asked once is not asked again before lines have it so.
  private ask(once = false): void {
    this.stop()
    this.asked = Date.now()
    if (once) this.due = this.asked + RARELY
    this.question = new Stream(this.url, this.sink(once), this.options, { state: 'true', tail: '0', follow: 'false' })
    void this.question.run()
  }

  private sink(once: boolean): Sink {
    const nothing = () => {}
    const state = (s: State) => {
      if (s.kind === 'complete' && s.state) this.told(s.state)
      else if (once && s.kind === 'reconnecting') this.question?.stop()
    }
    return { job: this.told, state, event: nothing, flush: nothing, gap: nothing, caughtUp: nothing, clock: nothing }
  }
}
