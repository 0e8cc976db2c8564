// How lines of the log look as rows, with what the reader has chosen, looked for
// and folded.

import { columns } from './columns.ts'
import { TRUNCATED } from './log.ts'
import { draw, LONG, type Row } from './row.ts'
import { clock, full, since } from './time.ts'
import { ROW, type Drawing } from './view.ts'
import type { Theme } from './colours.ts'
import type { Feed } from './feed.ts'
import type { Finder } from './finder.ts'
import type { Reader } from './reader.ts'
import type { Settings } from './settings.ts'
import type { Shell } from './shell.ts'
import type { Shown } from './shown.ts'

/** The parts of the viewer of which something is painted. */
export interface Scene {
  readonly shell: Shell
  readonly kept: Settings
  readonly feed: Feed
  readonly shown: Shown
  readonly finder: Finder
  readonly reader: Reader
  readonly shade: Theme
}

export class Painter implements Drawing {
  private columns = 80
  private expanded = new Set<number>() // long lines, all of which is shown

  constructor(private readonly scene: Scene) {}

  /** Digits of the numbers of lines. */
  get digits(): number { return Math.max(3, String(this.scene.feed.log.count).length) }

  expand(line: number): void { this.expanded.add(line) }

  /** Lines have other indices now; NaN if they are gone. */
  shift(by: number): void {
    this.expanded = new Set(Number.isNaN(by) ? [] : [...this.expanded].map((line) => line + by))
  }

  draw(row: Row, line: number): void {
    const { feed, finder, reader, shown, shade } = this.scene, { log } = feed
    const number = feed.whole ? line + 1 : 0
    draw(row, {
      line, number, text: log.text(line), rank: log.rank(line), theme: shade,
      time: this.time(line), title: full(log.time(line)),
      truncated: (log.flags(line) & TRUNCATED) !== 0,
      whole: this.expanded.has(line),
      matches: (bare) => finder.ranges(line, bare),
      chosen: reader.chosen.has(number),
      current: line === reader.current, found: line === finder.match ? finder.nth : -1,
      ...shown.look(line),
    })
  }

  private time(line: number): string {
    const { feed, kept } = this.scene, time = feed.log.time(line)
    return kept.times === 'off' ? '' : kept.times === 'absolute' ? clock(time) : since(time - feed.first)
  }

  estimate(line: number): number {
    const all = this.scene.feed.log.length(line), length = this.expanded.has(line) ? all : Math.min(all, LONG)
    return length <= this.columns ? ROW : Math.ceil(length / this.columns) * ROW
  }

  measure(): void {
    const { stage, port } = this.scene.shell
    this.columns = columns(stage, port.clientWidth, this.digits + (this.scene.kept.times === 'off' ? 0 : 13.5))
  }
}
