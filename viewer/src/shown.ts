// Which lines of the log are rows: without what is folded away, or those of a
// severity. What the reader looks at stays where it is, whatever changes.

import { Filter } from './filter.ts'
import { Groups, type Group } from './groups.ts'
import { Listed, Unfolded, beside, type Rows } from './rows.ts'
import { duration } from './time.ts'
import type { Log } from './log.ts'
import type { Look } from './row.ts'
import type { Anchor, View } from './view.ts'

export class Shown {
  filter: Filter | null = null
  private rows: Rows = new Listed()
  private groups: Groups
  private fresh = 0 // the first line that was not there when the reader left the end
  private errors = 0 // those that are drawn, as groups that fail say so
  private gone = { line: -1, after: false } // where lines are gone that were shown

  constructor(
    private log: Log,
    private readonly view: View,
  ) {
    this.groups = new Groups(log)
  }

  start(): void { this.set(null) }

  /** Rows that came since the reader left the end. */
  get news(): number { return this.rows.count - 1 - this.rows.rowAt(this.fresh - 1) }

  /** What is there now is not new. */
  mark(): void { this.fresh = this.log.count }

  /** Lines have come. Groups that end are left open to a reader who is not at the end. */
  grown(keepOpen: boolean): void {
    this.filter?.update()
    const { count } = this.log.errors, fails = count !== this.errors
    this.errors = count
    if (this.groups.update(keepOpen)) this.refold()
    else this.view.update(fails)
  }

  /** Another log, which has the lines of this one from some line on, or none of them. */
  replaced(log: Log, shift: number): void {
    const anchor = Number.isNaN(shift) ? null : this.view.anchor()
    const groups = new Groups(log)
    if (anchor) {
      anchor.line = Math.min(anchor.line + shift, log.count - 1) // after a gap there may be fewer
      groups.inherit(this.groups, shift)
    }
    this.fresh = Math.max(0, this.fresh + log.count - this.log.count) // as many as before
    this.log = log
    this.groups = groups
    groups.update(false)
    if (anchor && !this.view.following) groups.uncover(anchor.line)
    if (this.filter) this.filter = new Filter(log, this.filter.rank)
    this.rows = this.wanted
    this.view.relayout(anchor, this.rows)
  }

  /** From a line on the log is not what was shown; -1 if it has all of that. Returns the line that says so, or -1. */
  gap(from: number): number {
    const after = from === this.log.count // there is none yet
    this.gone = { line: after ? from - 1 : from, after }
    return this.gone.line
  }

  private refold(): void {
    if (this.wanted.common(this.rows) === Infinity) this.view.update(true) // the looks of groups have changed
    else this.set(this.view.anchor())
  }

  private get wanted(): Rows { return this.filter?.rows ?? new Unfolded(this.log, this.groups.hidden()) }

  private set(anchor: Anchor | null): void {
    this.rows = this.wanted
    this.view.setRows(this.rows, anchor)
  }

  // ---- groups

  groupOf(line: number): Group | null { return this.filter ? null : (this.groups.of(line) ?? this.groups.around(line)) }

  toggle(group: Group): void {
    const anchor = this.view.anchor()
    this.view.unfollow()
    this.groups.set(group, !this.groups.isOpen(group))
    this.set(anchor)
  }

  /** Closes all groups, or opens all if none is open. */
  toggleAll(): void {
    const anchor = this.view.anchor(), open = this.groups.list.some((g) => this.groups.isOpen(g))
    this.view.unfollow()
    for (const g of this.groups.list) this.groups.set(g, !open)
    this.set(anchor)
  }

  /** How a line is to look where it is. */
  look(line: number): Pick<Look, 'group' | 'depth' | 'gap'> {
    return { ...this.grouped(line), gap: line !== this.gone.line ? null : this.gone.after ? 'after' : 'before' }
  }

  private grouped(line: number): Pick<Look, 'group' | 'depth'> {
    const around = this.filter ? null : this.groups.around(line), group = around?.start === line ? around : null
    if (!around) return { group: null, depth: 0 }
    if (!group) return { group, depth: around.depth + 1 }
    const { groups } = this
    return { depth: group.depth, group: { open: groups.isOpen(group), failed: groups.failed(group), lines: groups.size(group), took: duration(group.took) } }
  }

  // ---- the filter

  setFilter(rank: number, current: number): void {
    const anchor = this.view.anchor()
    if (anchor && current >= 0) anchor.line = current
    this.filter = rank > 0 ? new Filter(this.log, rank) : null
    this.set(anchor)
  }

  /** Shows a line in its place in the log, a little below the top. */
  context(line: number, above: number): void {
    this.view.unfollow()
    this.filter = null
    this.groups.uncover(line)
    this.set({ line, delta: -above })
  }

  /** The line some rows further. */
  beside(line: number, by: number): number {
    const { rows } = this
    return rows.count && rows.lineAt(beside(rows, line, by))
  }

  /** The lines from one to another that are rows. */
  *between(from: number, to: number): Iterable<number> {
    const { rows } = this, last = rows.rowAt(to)
    for (let row = rows.rowAt(from - 1) + 1; row <= last; row++) yield rows.lineAt(row)
  }

  /** Sees to it that a line is a row. True if the filter had to go. */
  uncover(line: number): boolean {
    if (this.filter?.rows.has(line)) return false
    const filtered = this.filter !== null
    this.filter = null
    if (this.groups.uncover(line) || filtered) this.set(this.view.anchor())
    return filtered
  }
}
