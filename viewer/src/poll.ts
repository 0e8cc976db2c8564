// Asks for the recent jobs, as long as somebody looks at them.

import { said } from './said.ts'
import { jobsOf, type Job } from './recent.ts'

export interface Sink {
  jobs(jobs: Job[], now: number): void // now is the server's clock
  trouble(reason: string, until: number): void
}

const PAUSE = 3000
const LONGEST = 30_000
const PATIENCE = 20_000
const LOGIN = 'what answers is no list of jobs: a page to log in, perhaps'

/** How long to wait after so many failures in a row. */
export const pauseAfter = (failures: number) => Math.min(PAUSE * 2 ** failures, LONGEST)

export class Poll {
  private failures = 0
  private timer = 0
  private asking = false

  constructor(private readonly url: string, private readonly sink: Sink) {
    document.addEventListener('visibilitychange', this.now)
    addEventListener('online', this.now)
    void this.ask()
  }

  private now = (): void => {
    clearTimeout(this.timer)
    void this.ask()
  }

  private async ask(): Promise<void> {
    if (this.asking || document.hidden) return
    this.asking = true
    const reason = await this.answer().catch(() => 'the server does not answer')
    this.asking = false
    this.failures = reason ? this.failures + 1 : 0
    const pause = pauseAfter(this.failures)
    if (reason) this.sink.trouble(reason, Date.now() + pause)
    this.timer = setTimeout(() => this.ask(), pause)
  }

  /** Why there is no answer; empty if there is one. */
  private async answer(): Promise<string> {
    const response = await fetch(this.url, { signal: AbortSignal.timeout(PATIENCE) })
    if (!response.ok) return await said(response) || `the server answers with status ${response.status}`
    const jobs = listIn(await response.text())
    if (!jobs) return LOGIN
    this.sink.jobs(jobs, Date.parse(response.headers.get('Date') ?? '') || Date.now())
    return ''
  }
}

// What asks for a login answers with a page, and 200.
function listIn(text: string): Job[] | null {
  try {
    return jobsOf(JSON.parse(text))
  } catch {
    return null
  }
}
