// The parts of the viewer, put together.

import { Actions } from './actions.ts'
import { Announcer } from './announce.ts'
import { Chosen } from './chosen.ts'
import { columns } from './columns.ts'
import { copy } from './copy.ts'
import { Feed, type Viewer } from './feed.ts'
import { Finder, type Ground } from './finder.ts'
import { totals } from './filter.ts'
import { help } from './help.ts'
import { actionOf, filters, type Action } from './keys.ts'
import { TRUNCATED, type Log } from './log.ts'
import { Overlay } from './overlay.ts'
import { draw, LONG, type Row } from './row.ts'
import { Listed } from './rows.ts'
import type { Query } from './match.ts'
import * as settings from './settings.ts'
import { plain } from './sgr.ts'
import { shell } from './shell.ts'
import { Shown } from './shown.ts'
import { Status } from './status.ts'
import { clock, full, since } from './time.ts'
import { Toolbar } from './toolbar.ts'
import { ROW, View, type Drawing } from './view.ts'
import type { Theme } from './colours.ts'
import type { Options, State } from './stream.ts'

const after = { off: 'absolute', absolute: 'relative', relative: 'off' } as const

export interface Change { name: string; state: State; job: string; over: boolean }

export class App implements Viewer, Drawing, Ground {
  readonly shell = shell()
  private readonly kept = settings.load()
  private readonly status = new Status(() => this.feed.again())
  private readonly toolbar: Toolbar
  private readonly feed: Feed
  private readonly view: View
  private readonly actions: Actions
  private readonly announcer: Announcer
  private readonly dialog = help()
  private readonly dark = matchMedia('(prefers-color-scheme: dark)')
  private readonly timer: number
  private readonly shown: Shown
  private readonly finder = new Finder(this)
  private readonly chosen = new Chosen()
  private readonly overlay = new Overlay(this.shell)
  private current = -1 // the line that keys are for
  private readonly expanded = new Set<number>()
  private columns = 80
  private lines = 0 // that were there at the last news
  private news = false // what comes is new, not what was there when the page was opened

  constructor(
    src: string,
    options: Options,
    private readonly theme: () => Theme | null,
    private readonly changed: (change: Change) => void,
  ) {
    const { app, port, canvas, slab, pill, spoken } = this.shell
    this.feed = new Feed(src, this, options, !this.chosen.wanted)
    this.view = new View(port, canvas, slab, new Listed(), this)
    this.view.wrap = this.kept.wrap
    if (this.chosen.wanted) this.view.following = false
    this.shown = new Shown(this.log, this.view)
    this.toolbar = new Toolbar(this.status.element, src, this.commands())
    this.actions = new Actions(port, slab, {
      copyLine: (line) => this.copyLine(line),
      copyLink: (line) => this.copyLink(line),
      context: (line) => this.context(line),
    })
    this.announcer = new Announcer(spoken)
    app.prepend(this.toolbar.element)
    app.append(this.dialog)
    slab.addEventListener('click', (e) => this.clicked(e))
    pill.addEventListener('click', () => this.view.follow())
    this.dark.addEventListener('change', this.repaint)
    addEventListener('hashchange', this.hash)
    this.timer = setInterval(() => this.tick(), 500)
    this.repaint()
    this.showSettings()
  }

  start(): void {
    this.shown.start()
    this.feed.start()
    this.tick()
  }

  stop(): void {
    this.feed.stop()
    this.finder.stop()
    clearInterval(this.timer)
    this.dark.removeEventListener('change', this.repaint)
    removeEventListener('hashchange', this.hash)
  }

  repaint = (): void => {
    this.shell.app.dataset.theme = this.shade
    this.view.update(true)
  }

  get log(): Log { return this.feed.log }
  private get shade(): Theme { return this.theme() ?? (this.dark.matches ? 'dark' : 'light') }

  private get digits(): number { return Math.max(3, String(this.log.count).length) }

  // ---- what the feed tells

  grown(): void {
    const came = this.log.count - this.lines
    if (came <= 0) return
    this.lines = this.log.count
    this.shown.grown(!this.view.following && this.news)
    this.finder.grown()
    if (this.status.state.kind === 'live') this.announcer.lineCame(came, () => plain(this.log.text(this.log.count - 1)))
    this.look()
  }

  replaced(log: Log, before: number, gap: boolean): void {
    const shift = gap ? NaN : log.count - before
    this.lines = log.count
    this.shift(shift)
    this.shown.replaced(log, shift)
    this.finder.replaced(shift)
    this.loading(0)
    if (gap) this.overlay.gap()
    this.look()
  }

  // Lines have other indices now.
  private shift(by: number): void {
    const lines = Number.isNaN(by) ? [] : [...this.expanded]
    this.expanded.clear()
    for (const line of lines) this.expanded.add(line + by)
    if (Number.isNaN(by)) this.current = -1
    else if (this.current >= 0) this.current += by
  }

  loading(lines: number): void { this.overlay.loading(lines) }

  state(s: State): void {
    const before = this.status.state
    this.status.state = s
    if (!this.news && (s.kind === 'live' || s.kind === 'complete')) {
      this.news = true
      this.shown.mark()
    }
    if (s.kind === 'complete') {
      this.status.over = true
      if (s.state) this.status.job = s.state
    }
    if (before.kind === s.kind) return
    this.tick()
    if (s.kind !== 'connecting' && !(s.kind === 'live' && before.kind === 'connecting')) {
      this.announcer.say(s.kind === 'complete' ? `The job has ended: ${this.status.job || 'no more lines'}` : `The connection: ${s.kind}`)
    }
  }

  job(state: string): void {
    this.status.job = state
    this.tick()
  }

  // ---- what is shown around the lines

  private tick(): void {
    const { log, feed, status } = this
    const last = log.count ? log.time(log.count - 1) : NaN
    status.show(log.count, feed.first, last, Date.now() + feed.skew)
    this.toolbar.showFilter(this.shown.filter?.rank ?? 0, totals(log))
    this.shell.app.style.setProperty('--digits', String(this.digits))
    this.toolbar.showOver(status.over)
    this.showEmpty()
    this.actions.configure(!!this.shown.filter, feed.whole)
    this.shell.port.setAttribute('aria-rowcount', String(feed.whole ? log.count : -1))
    this.changed({ name: status.name(log.count), state: status.state, job: status.job, over: status.over })
  }

  private showEmpty(): void { this.overlay.empty(this.view.count, this.shown.filter !== null, this.status.state) }

  private showSettings(): void {
    this.shell.app.classList.toggle('wrapped', this.kept.wrap)
    this.shell.app.dataset.times = this.kept.times
    this.toolbar.showSettings(this.kept.wrap, this.kept.times)
    this.toolbar.showFollow(this.view.following)
  }

  toast(text: string): void { this.overlay.toast(text) }
  hits(text: string, error: boolean): void { this.toolbar.showHits(text, error) }
  redraw(): void { this.view.update(true) }

  // ---- what the view asks

  draw(row: Row, line: number): void {
    const { log, feed } = this
    const n = feed.whole ? line + 1 : 0, text = log.text(line), time = log.time(line)
    draw(row, {
      line, number: n, text, rank: log.rank(line), theme: this.shade,
      time: this.kept.times === 'off' ? '' : this.kept.times === 'absolute' ? clock(time) : since(time - feed.first),
      title: full(time),
      truncated: (log.flags(line) & TRUNCATED) !== 0,
      whole: this.expanded.has(line),
      matches: (bare) => this.finder.ranges(line, bare),
      chosen: this.chosen.has(n),
      current: line === this.current, found: line === this.finder.match,
      ...this.shown.look(line),
    })
  }

  estimate(line: number): number {
    const length = this.expanded.has(line) ? this.log.length(line) : Math.min(this.log.length(line), LONG)
    return length <= this.columns ? ROW : Math.ceil(length / this.columns) * ROW
  }

  followed(on: boolean): void {
    this.shown.mark()
    this.toolbar.showFollow(on)
  }

  rendered(): void {
    const { following } = this.view, news = following ? 0 : this.shown.news
    this.overlay.pill(following || (news <= 0 && this.status.over), news)
    if (!this.shell.empty.hidden && this.view.count) this.showEmpty()
  }

  // ---- groups, the filter, the search

  private toggle(line: number): void {
    const group = this.shown.groupOf(line)
    if (!group) return
    if (this.current > group.start && this.current <= group.end) this.current = group.start
    this.shown.toggle(group)
  }

  private setFilter(rank: number): void {
    this.shown.setFilter(rank, this.current)
    this.tick()
  }

  private context(line: number): void {
    this.current = line
    this.shown.context(line, this.shell.port.clientHeight / 3)
    this.shell.port.focus()
    this.tick()
  }

  /** Shows a line, whatever hides it. */
  bring(line: number): void {
    this.current = line
    this.view.unfollow()
    if (this.shown.uncover(line)) this.toast('the filter is off, to show the line')
    this.view.reveal(line)
    this.announcer.line(this.feed.whole ? line + 1 : 0, plain(this.log.text(line)))
    this.view.update(true)
  }

  // Where the reader is: at the line that keys are for, or at the top.
  place(): number {
    return this.current >= 0 ? this.current : (this.view.anchor()?.line ?? 0)
  }

  // ---- lines and links

  private hash = (): void => {
    this.chosen.read()
    this.look()
    this.view.update(true)
  }

  // Looks for the line of a permalink.
  private look(): void {
    const { wanted } = this.chosen
    if (!wanted || !this.feed.whole || this.log.count < wanted.from) return
    this.chosen.wanted = null
    this.bring(wanted.from - 1)
  }

  private clicked(e: MouseEvent): void {
    const target = e.target as Element
    const row = target.closest<HTMLElement>('.row')
    if (!row) return
    const line = Number(row.dataset.line)
    if (target.closest('.fold')) this.toggle(line)
    else if (target.closest('.more')) this.expand(line)
    else if (target.closest('.n')) this.choose(e, line)
  }

  private expand(line: number): void {
    this.expanded.add(line)
    this.view.update(true)
  }

  private choose(e: MouseEvent, line: number): void {
    if (e.ctrlKey || e.metaKey) return
    e.preventDefault()
    if (!this.feed.whole) return this.toast('the line’s number is not known yet')
    this.chosen.click(line + 1, e.shiftKey)
    this.current = line
    this.view.update(true)
  }

  private copyLine(line: number): void { this.copy(plain(this.log.text(line)), 'the line is copied') }

  private copyLink(line: number): void {
    if (!this.feed.whole) return this.toast('the line’s number is not known yet')
    this.copy(this.chosen.link(line + 1), 'the link is copied')
  }

  private copy(text: string, done: string): void {
    void copy(text).then((copied) => this.toast(copied ? done : 'the browser does not let us copy'))
  }

  // ---- commands

  private commands() {
    return {
      search: (query: Query) => this.finder.find(query),
      step: (by: 1 | -1) => this.finder.step(by),
      leaveSearch: () => this.shell.port.focus(),
      filter: (rank: number) => this.setFilter(rank),
      run: (action: Action) => this.run(action),
    }
  }

  /** What a key does. True if it was for us. */
  key(e: KeyboardEvent): boolean {
    const action = actionOf(e)
    if (!action || this.dialog.open) return false
    this.run(action)
    return true
  }

  private run(action: Action): void {
    switch (action) {
      case 'filter0': case 'filter1': case 'filter2': case 'filter3': return this.setFilter(filters[action])
      case 'down': return this.move(1)
      case 'up': return this.move(-1)
      case 'top': return this.view.top()
      case 'bottom': return this.view.follow()
      case 'search': return this.toolbar.focusSearch('')
      case 'next': return this.finder.step(1)
      case 'previous': return this.finder.step(-1)
      case 'follow': return this.view.following ? this.view.unfollow() : this.view.follow()
      case 'wrap': return this.keep({ wrap: !this.kept.wrap })
      case 'times': return this.keep({ times: after[this.kept.times] })
      case 'copy': return this.copyLine(this.place())
      case 'link': return this.copyLink(this.place())
      case 'fold': return this.toggle(this.place())
      case 'enter': return this.log.length(this.place()) > LONG ? this.expand(this.place()) : this.toggle(this.place())
      case 'foldAll': return this.shown.toggleAll()
      case 'help': return this.dialog.showModal()
      case 'error': return this.nextError()
      case 'context': return this.shown.filter ? this.context(this.place()) : undefined
      case 'escape': return this.escape()
    }
  }

  private move(by: number): void {
    this.current = this.current < 0 ? this.place() : this.shown.beside(this.current, by)
    this.view.unfollow()
    this.view.reveal(this.current, 'near')
    this.announcer.line(this.feed.whole ? this.current + 1 : 0, plain(this.log.text(this.current)))
    this.view.update(true)
  }

  private keep(change: Partial<settings.Settings>): void {
    const anchor = this.view.anchor()
    Object.assign(this.kept, change)
    this.view.wrap = this.kept.wrap
    settings.save(this.kept)
    this.showSettings()
    this.view.relayout(anchor)
  }

  private nextError(): void {
    const { errors } = this.log
    if (!errors.count) return this.toast('there is no error')
    const row = errors.after(this.current)
    this.bring(errors.lineAt(row < errors.count ? row : 0))
  }

  private escape(): void {
    const { query } = this.finder
    if (query.text) {
      this.toolbar.input.value = ''
      this.finder.find({ ...query, text: '' })
    } else if (this.shown.filter) this.setFilter(0)
    else {
      this.chosen.set(null)
      this.current = -1
      this.view.update(true)
    }
  }

  measure(): void {
    const { stage, port } = this.shell
    this.columns = columns(stage, port.clientWidth, this.digits + (this.kept.times === 'off' ? 0 : 13.5))
  }
}
