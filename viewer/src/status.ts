// How the job and the connection are.

import { duration } from './time.ts'
import { h, write } from './dom.ts'
import type { State } from './stream.ts'

const failures = /fail|error|abort|cancel|kill|timed?.?out|crash|reject/i

export type Mood = 'queued' | 'running' | 'good' | 'bad' | 'unknown'

export function moodOf(state: string, over: boolean): Mood {
  if (failures.test(state)) return 'bad'
  if (over) return state ? 'good' : 'unknown'
  return /queue|pend|wait|creat|schedul/i.test(state) ? 'queued' : 'running'
}

export class Status {
  readonly element: HTMLElement
  job = '' // the state that the server told
  over = false
  state: State = { kind: 'connecting' }
  private readonly badge = h('span', { class: 'badge' })
  private readonly elapsed = h('span', { class: 'elapsed', title: "By the server's clock, since the first line" })
  private readonly link = h('span', { class: 'connection' })
  private readonly retry: HTMLButtonElement

  constructor(again: () => void) {
    this.retry = h('button', { class: 'again', hidden: true, onclick: again }, 'try now')
    this.element = h('div', { class: 'status', role: 'status', 'aria-live': 'off' }, this.badge, this.elapsed, h('span', { class: 'line' }, this.link, this.retry))
  }

  /** How the connection is now; its end is the job's, whose state is perhaps still to be told. */
  hear(s: State): void {
    this.state = s
    if (s.kind !== 'complete') return
    this.over = true
    this.job = s.state
  }

  /** What the job's state is called: without word from the server, by whether there are lines. */
  name(lines: number): string {
    const { kind } = this.state
    if (!lines && (kind === 'refused' || kind === 'reconnecting' && !this.job)) return 'unavailable'
    return this.job || (this.over ? 'ended' : kind === 'connecting' && !lines ? 'connecting' : lines ? 'running' : 'queued')
  }

  show(lines: number, first: number, last: number, now: number): void {
    const name = this.name(lines)
    write(this.badge, name)
    this.badge.title = name
    this.badge.dataset.mood = name === 'queued' || name === 'connecting' || name === 'unavailable' ? 'queued' : moodOf(this.job, this.over)
    write(this.elapsed, duration((this.over ? last : now) - first))
    write(this.link, this.connection(lines > 0))
    this.link.title = this.link.textContent!
    this.link.dataset.kind = this.state.kind
    this.retry.hidden = !['reconnecting', 'expired', 'refused'].includes(this.state.kind)
  }

  // Without a line, reasons are where lines would be.
  private connection(reasons: boolean): string {
    const s = this.state
    switch (s.kind) {
      case 'connecting': return 'connecting…'
      case 'live': return 'live'
      case 'waiting': return 'live; the database does not answer'
      case 'reconnecting': {
        const seconds = Math.max(0, Math.ceil((s.until - Date.now()) / 1000))
        return `reconnecting in ${seconds} s` + (reasons && s.reason ? `: ${s.reason}` : '')
      }
      case 'complete': return 'complete'
      case 'expired': return 'access expired'
      case 'refused': return reasons ? s.reason || `refused with status ${s.status}` : ''
    }
  }
}
