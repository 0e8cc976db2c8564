// The rows of the jobs. They are kept: what does not change is not touched, so
// that focus and selection stay.

import { h, write } from './dom.ts'
import { moodOf } from './status.ts'
import { linkTo, matches, nameOf, type Job } from './recent.ts'
import { ago, full } from './time.ts'

class Row {
  readonly element: HTMLTableRowElement
  private readonly badge = h('span', { class: 'badge' })
  private readonly time = h('time')

  constructor(public job: Job) {
    const href = linkTo(job.id)
    const id = href ? h('a', { href }, job.id) : h('span', { class: 'id' }, job.id)
    this.element = h('tr', {}, h('td', {}, id), h('td', {}, this.badge), h('td', {}, this.time))
  }

  show(now: number): void {
    const name = nameOf(this.job)
    write(this.badge, name)
    this.badge.title = name
    this.badge.dataset.mood = moodOf(name, this.job.ended)
    write(this.time, ago(now - this.job.time))
    this.time.dateTime = this.time.title = full(this.job.time)
  }
}

export class Table {
  private readonly rows = new Map<string, Row>()

  constructor(private readonly body: HTMLTableSectionElement) {}

  /** The ids, as they are on the page. */
  get ids(): string[] { return [...this.rows.keys()] }

  set jobs(jobs: Job[]) {
    const before = new Map(this.rows)
    this.rows.clear()
    for (const job of jobs) this.rows.set(job.id, before.get(job.id) ?? new Row(job))
    for (const [id, row] of before) if (!this.rows.has(id)) row.element.remove()
    let at = this.body.firstElementChild
    for (const job of jobs) {
      const row = this.rows.get(job.id)!
      row.job = job
      if (row.element === at) at = at.nextElementSibling
      else this.body.insertBefore(row.element, at)
    }
  }

  /** Shows the rows that match, and returns how many do. */
  show(words: string, now: number): number {
    let n = 0
    for (const row of this.rows.values()) {
      row.show(now)
      row.element.hidden = !matches(row.job, words)
      if (!row.element.hidden) n++
    }
    return n
  }
}
