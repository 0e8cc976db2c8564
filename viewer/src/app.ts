// The parts of the viewer, put together.

import { Actions } from './actions.ts'
import { Announcer } from './announce.ts'
import { copy } from './copy.ts'
import { Feed, type Viewer } from './feed.ts'
import { Filter, totals } from './filter.ts'
import { Groups } from './groups.ts'
import { help } from './help.ts'
import { actionOf, type Action } from './keys.ts'
import { TRUNCATED, type Log } from './log.ts'
import * as permalink from './permalink.ts'
import { draw, type Row } from './row.ts'
import { Unfolded, type Rows } from './rows.ts'
import { Search } from './search.ts'
import { compile, type Query } from './match.ts'
import { Patterns } from './patterns.ts'
import * as settings from './settings.ts'
import { plain } from './sgr.ts'
import { shell } from './shell.ts'
import { Status } from './status.ts'
import { clock, duration, full, number, since } from './time.ts'
import { Toolbar } from './toolbar.ts'
import { ROW, View, type Drawing } from './view.ts'
import { ERROR, WARN } from './event.ts'
import type { Theme } from './colours.ts'
import type { Options, State } from './stream.ts'

// What is beside text and numbers in a row, in px; also in style.css.
const PADDING = 12 + 16 + 20

export interface Change { name: string; state: State; job: string; over: boolean }

export class App implements Viewer, Drawing {
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
  private groups: Groups
  private folds = ''
  private filter: Filter | null = null
  private search: Search | null = null
  private readonly patterns = new Patterns()
  private query: Query = { text: '', regex: false, cased: false }
  private chosen: permalink.Lines | null = permalink.parse(location.hash)
  private wanted = this.chosen // a permalink whose line is not there yet
  private current = -1 // the line that keys are for
  private match = -1
  private readonly expanded = new Set<number>()
  private columns = 80
  private lines = 0 // that were there at the last news
  private news = false // what comes is new, not what was there when the page was opened
  private unseen = 0 // rows that were there when the reader left the end
  private toasted = 0

  constructor(
    src: string,
    options: Options,
    private readonly theme: () => Theme | null,
    private readonly changed: (change: Change) => void,
  ) {
    const { app, port, canvas, slab, pill, spoken } = this.shell
    this.feed = new Feed(src, this, options, !this.wanted)
    this.groups = new Groups(this.log)
    this.view = new View(port, canvas, slab, this.rows(), this)
    this.view.wrap = this.kept.wrap
    if (this.wanted) this.view.following = false
    this.toolbar = new Toolbar(this.status.element, src, this.commands())
    this.actions = new Actions(slab, {
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
    this.feed.start()
    this.tick()
  }

  stop(): void {
    this.feed.stop()
    this.search?.stop()
    this.patterns.stop()
    clearInterval(this.timer)
    this.dark.removeEventListener('change', this.repaint)
    removeEventListener('hashchange', this.hash)
  }

  repaint = (): void => {
    this.shell.app.dataset.theme = this.shade
    this.view.update(true)
  }

  private get log(): Log { return this.feed.log }
  private get shade(): Theme { return this.theme() ?? (this.dark.matches ? 'dark' : 'light') }

  private get digits(): number { return Math.max(3, String(this.log.count).length) }

  private rows(): Rows {
    return this.filter?.rows ?? new Unfolded(() => this.log.count, this.groups.hidden())
  }

  // ---- what the feed tells

  grown(): void {
    const came = this.log.count - this.lines
    if (came <= 0) return
    this.lines = this.log.count
    if (this.groups.update(!this.view.following && this.news)) this.refold()
    else if (this.folds.endsWith('…')) this.refold()
    this.filter?.update()
    void this.search?.run()
    this.view.update()
    if (this.status.state.kind === 'live') this.announcer.lineCame(came, () => plain(this.log.text(this.log.count - 1)))
    this.look()
  }

  replaced(log: Log, before: number, gap: boolean): void {
    const shift = gap ? 0 : log.count - before
    const anchor = gap ? null : this.view.anchor()
    if (anchor) anchor.line += shift
    const old = this.groups
    this.groups = new Groups(log)
    if (!gap) this.groups.inherit(old, shift)
    this.groups.update(false)
    if (anchor && !this.view.following) this.groups.uncover(anchor.line)
    this.shift(gap ? NaN : shift)
    this.lines = log.count
    this.folds = ''
    if (this.filter) this.filter = new Filter(log, this.filter.rank)
    this.view.setRows(this.rows(), anchor)
    if (this.search) this.find(this.query, true)
    this.loading(0)
    if (gap) this.showGap()
    this.look()
  }

  // Lines have other indices now.
  private shift(by: number): void {
    const lines = [...this.expanded]
    this.expanded.clear()
    if (Number.isNaN(by)) {
      this.current = this.match = -1
      this.unseen = 0
      return
    }
    for (const line of lines) this.expanded.add(line + by)
    if (this.current >= 0) this.current += by
    if (this.match >= 0) this.match += by
    this.unseen += by
  }

  loading(lines: number): void {
    const { note } = this.shell
    note.hidden = lines === 0
    note.textContent = lines < 0 ? 'the lines before could not be read' : `reading what was before: ${number(lines)} lines`
  }

  state(s: State): void {
    const before = this.status.state
    this.status.state = s
    if (!this.news && (s.kind === 'live' || s.kind === 'complete')) {
      this.news = true
      this.unseen = this.view.count
    }
    if (s.kind === 'complete') {
      this.status.over = true
      this.status.job ||= s.state
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

  private showGap(): void {
    const { banner } = this.shell
    const close = document.createElement('button')
    close.textContent = 'Dismiss'
    close.className = 'plain'
    close.onclick = () => { banner.hidden = true }
    banner.replaceChildren('The server could not go on where this page was. The log is shown anew, from its beginning.', close)
    banner.hidden = false
  }

  // ---- what is shown around the lines

  private tick(): void {
    const { log, feed, status } = this
    const last = log.count ? log.time(log.count - 1) : NaN
    status.show(log.count, feed.first, last, Date.now() + feed.skew)
    this.toolbar.showFilter(this.filter?.rank ?? 0, totals(log))
    this.shell.app.style.setProperty('--digits', String(this.digits))
    this.toolbar.showOver(status.over)
    this.showEmpty()
    this.actions.configure(!!this.filter, feed.whole)
    this.shell.port.setAttribute('aria-rowcount', String(feed.whole ? log.count : -1))
    this.changed({ name: status.name(log.count), state: status.state, job: status.job, over: status.over })
  }

  private showEmpty(): void {
    const { empty } = this.shell, { state } = this.status
    const says = state.kind === 'refused' ? state.reason || `The server refuses, with status ${state.status}.`
      : state.kind === 'expired' ? 'Access has expired. Open the page anew, with a fresh link or after logging in.'
      : this.view.count ? '' : this.filter ? 'No line is of this severity.'
      : state.kind === 'complete' ? 'The job ended without a line.'
      : state.kind === 'connecting' ? '' : 'No line yet.'
    const over = state.kind === 'expired' && this.view.count > 0
    empty.hidden = !says || over
    if (empty.textContent !== says) empty.textContent = says
  }

  private showSettings(): void {
    this.shell.app.classList.toggle('wrapped', this.kept.wrap)
    this.shell.app.dataset.times = this.kept.times
    this.toolbar.showSettings(this.kept.wrap, this.kept.times)
    this.toolbar.showFollow(this.view.following)
  }

  private toast(text: string): void {
    const { toast } = this.shell
    toast.textContent = text
    toast.hidden = false
    clearTimeout(this.toasted)
    this.toasted = setTimeout(() => { toast.hidden = true }, 2500)
  }

  // ---- what the view asks

  draw(row: Row, line: number): void {
    const { log, feed } = this
    const n = feed.whole ? line + 1 : 0, text = log.text(line), time = log.time(line), group = this.filter ? undefined : this.groups.of(line)
    const inside = this.filter ? null : this.groups.around(line)
    draw(row, {
      line, number: n, text, rank: log.rank(line), theme: this.shade,
      time: this.kept.times === 'off' ? '' : this.kept.times === 'absolute' ? clock(time) : since(time - feed.first),
      title: full(time),
      truncated: (log.flags(line) & TRUNCATED) !== 0,
      whole: this.expanded.has(line),
      matches: (bare) => this.search?.ranges(line, bare) ?? [],
      chosen: n > 0 && this.chosen !== null && n >= this.chosen.from && n <= this.chosen.to,
      current: line === this.current, found: line === this.match,
      group: group ? {
        open: this.groups.isOpen(group), failed: this.groups.failed(group), depth: group.depth,
        lines: Math.min(group.end, log.count - 1) - line, took: duration(group.took),
      } : null,
      depth: inside ? inside.depth + (group ? 0 : 1) : 0,
    })
  }

  estimate(line: number): number {
    const length = Math.min(this.log.length(line), 10_000)
    return length <= this.columns ? ROW : Math.ceil(length / this.columns) * ROW
  }

  followed(on: boolean): void {
    this.unseen = this.view.count
    this.toolbar.showFollow(on)
  }

  rendered(): void {
    const { pill } = this.shell
    const news = this.view.following ? 0 : this.view.count - this.unseen
    pill.hidden = this.view.following || (news <= 0 && this.status.over)
    const text = news > 0 ? `↓ ${number(news)} new ${news === 1 ? 'line' : 'lines'}` : '↓ to the end'
    if (pill.textContent !== text) pill.textContent = text
    pill.classList.toggle('news', news > 0)
    if (!this.shell.empty.hidden && this.view.count) this.showEmpty()
  }

  // ---- groups, the filter, the search

  private refold(): void {
    const hidden = this.groups.hidden()
    const open = this.groups.list.some((g) => g.end === Infinity && !this.groups.isOpen(g))
    const folds = hidden.join() + (open ? '…' : '')
    if (folds === this.folds && !open) return this.view.update(true)
    this.folds = folds
    if (!this.filter) this.setRows()
  }

  private setRows(anchor = this.view.anchor()): void {
    const news = this.view.count - this.unseen
    this.view.setRows(this.rows(), anchor)
    this.unseen = this.view.count - news
    this.tick()
  }

  private toggle(line: number): void {
    const group = this.groups.of(line) ?? this.groups.around(line)
    if (!group || this.filter) return
    const anchor = this.view.anchor()
    this.view.unfollow()
    this.groups.set(group, !this.groups.isOpen(group))
    if (this.current > group.start && this.current <= group.end) this.current = group.start
    this.folds = ''
    this.setRows(anchor)
  }

  private foldAll(): void {
    const open = this.groups.list.some((g) => this.groups.isOpen(g))
    const anchor = this.view.anchor()
    for (const g of this.groups.list) this.groups.set(g, !open)
    this.setRows(anchor)
  }

  private setFilter(rank: number): void {
    const anchor = this.view.anchor()
    if (this.current >= 0 && anchor) anchor.line = this.current
    this.filter = rank > 0 ? new Filter(this.log, rank) : null
    this.setRows(anchor)
  }

  private context(line: number): void {
    this.current = line
    this.view.unfollow()
    this.filter = null
    this.groups.uncover(line)
    this.setRows({ line, delta: -this.shell.port.clientHeight / 3 })
    this.shell.port.focus()
  }

  private find(query: Query, again = false): void {
    this.search?.stop()
    this.search = null
    this.query = query
    if (!again) this.match = -1
    if (query.text === '') this.toolbar.showHits('', false)
    else {
      try {
        const re = compile(query)
        const from = again ? -1 : this.place()
        this.search = new Search(this.log, re, query, this.patterns, () => this.progress(from))
        void this.search.run()
      } catch (error) {
        this.toolbar.showHits(String((error as Error).message).replace(/^Invalid regular expression: (\/.*\/\w*: )?/, ''), true)
      }
    }
    this.view.update(true)
  }

  // The first match after where the reader is comes into view by itself.
  private progress(from: number): void {
    const { search } = this
    if (!search) return
    if (this.match < 0 && from >= 0 && search.found.count) {
      const row = search.found.after(from - 1)
      if (row < search.found.count) this.goTo(search.found.lineAt(row))
      else if (search.done) this.goTo(search.found.lineAt(0))
    }
    if (this.query.regex) this.view.update(true)
    this.showHits()
  }

  private showHits(): void {
    const { search } = this
    if (!search) return
    const { found, failure } = search
    if (failure) return this.toolbar.showHits(failure, true)
    const at = this.match >= 0 && found.has(this.match) ? number(found.rowAt(this.match) + 1) + ' of ' : ''
    const all = number(found.count) + (search.done ? '' : '…')
    this.toolbar.showHits(found.count || !search.done ? `${at}${all}` : 'none', false)
  }

  private step(by: 1 | -1): void {
    const found = this.search?.found
    if (!found?.count) return
    const from = this.match >= 0 ? this.match : this.place()
    let row = by > 0 ? found.after(from) : found.after(from - 1) - 1
    if (row >= found.count || row < 0) {
      row = by > 0 ? 0 : found.count - 1
      this.toast(by > 0 ? 'on from the beginning' : 'on from the end')
    }
    this.goTo(found.lineAt(row))
    this.showHits()
  }

  private goTo(line: number): void {
    this.match = this.current = line
    this.bring(line)
  }

  /** Shows a line, whatever hides it. */
  private bring(line: number): void {
    this.view.unfollow()
    if (this.filter && !this.filter.rows.has(line)) {
      this.filter = null
      this.groups.uncover(line)
      this.setRows({ line, delta: 0 })
      this.toast('the filter is off, to show the line')
    } else if (!this.filter && this.groups.uncover(line)) this.setRows()
    this.view.reveal(line)
    this.view.update(true)
  }

  // Where the reader is: at the line that keys are for, or at the top.
  private place(): number {
    return this.current >= 0 ? this.current : (this.view.anchor()?.line ?? 0)
  }

  // ---- lines and links

  private hash = (): void => {
    this.chosen = this.wanted = permalink.parse(location.hash)
    this.look()
    this.view.update(true)
  }

  // Looks for the line of a permalink.
  private look(): void {
    if (!this.wanted || !this.feed.whole || this.log.count < this.wanted.from) return
    const line = this.wanted.from - 1
    this.wanted = null
    this.current = line
    this.bring(line)
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
    const n = line + 1, first = e.shiftKey && this.chosen ? this.chosen.from : n
    const again = !e.shiftKey && this.chosen?.from === n && this.chosen.to === n
    this.chosen = again ? null : { from: Math.min(first, n), to: Math.max(first, n) }
    this.current = line
    permalink.show(this.chosen)
    this.view.update(true)
  }

  private copyLine(line: number): void {
    void copy(plain(this.log.text(line))).then((done) => this.toast(done ? 'the line is copied' : 'the browser does not let us copy'))
  }

  private copyLink(line: number): void {
    if (!this.feed.whole) return this.toast('the line’s number is not known yet')
    const n = line + 1, c = this.chosen
    const lines = c && n >= c.from && n <= c.to ? c : { from: n, to: n }
    void copy(permalink.address(lines)).then((done) => this.toast(done ? 'the link is copied' : 'the browser does not let us copy'))
  }

  // ---- commands

  private commands() {
    return {
      search: (query: Query) => this.find(query),
      step: (by: 1 | -1) => this.step(by),
      leaveSearch: () => this.shell.port.focus(),
      filter: (rank: number) => this.setFilter(rank),
      wrap: () => this.run('wrap'),
      times: () => this.run('times'),
      follow: () => this.run('follow'),
      help: () => this.run('help'),
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
    const rank = { filter0: 0, filter1: 3, filter2: WARN, filter3: ERROR }[action as string]
    if (rank !== undefined) return this.setFilter(rank)
    switch (action) {
      case 'down': return this.move(1)
      case 'up': return this.move(-1)
      case 'top': return this.view.top()
      case 'bottom': return this.view.follow()
      case 'search': return this.toolbar.focusSearch('')
      case 'next': return this.step(1)
      case 'previous': return this.step(-1)
      case 'follow': return this.view.following ? this.view.unfollow() : this.view.follow()
      case 'wrap': return this.setWrap(!this.kept.wrap)
      case 'times': return this.cycleTimes()
      case 'copy': return this.copyLine(this.place())
      case 'link': return this.copyLink(this.place())
      case 'fold': return this.toggle(this.place())
      case 'foldAll': return this.foldAll()
      case 'help': return this.dialog.showModal()
      case 'error': return this.nextError()
      case 'context': return this.filter ? this.context(this.place()) : undefined
      case 'escape': return this.escape()
    }
  }

  private move(by: number): void {
    const rows = this.rows()
    if (!rows.count) return
    const row = this.current < 0 ? rows.rowAt(this.place()) : Math.max(0, Math.min(rows.rowAt(this.current) + by, rows.count - 1))
    this.current = rows.lineAt(row)
    this.view.unfollow()
    this.view.reveal(this.current, 'near')
    this.view.update(true)
  }

  private setWrap(on: boolean): void {
    const anchor = this.view.anchor()
    this.kept.wrap = this.view.wrap = on
    settings.save(this.kept)
    this.showSettings()
    this.view.setRows(this.rows(), anchor)
  }

  private cycleTimes(): void {
    const anchor = this.view.anchor()
    this.kept.times = ({ off: 'absolute', absolute: 'relative', relative: 'off' } as const)[this.kept.times]
    settings.save(this.kept)
    this.showSettings()
    this.view.setRows(this.rows(), anchor)
  }

  private nextError(): void {
    const { errors } = this.log
    if (!errors.count) return this.toast('there is no error')
    const row = errors.after(this.current)
    this.current = errors.lineAt(row < errors.count ? row : 0)
    this.bring(this.current)
  }

  private escape(): void {
    if (this.query.text) {
      this.toolbar.input.value = ''
      this.find({ ...this.query, text: '' })
    } else if (this.filter) this.setFilter(0)
    else if (this.chosen || this.current >= 0) {
      this.chosen = null
      this.current = -1
      permalink.show(null)
      this.view.update(true)
    }
  }

  /** The room for text, which decides where long lines wrap. */
  measure(): void {
    const probe = document.createElement('span')
    probe.textContent = 'x'.repeat(100)
    probe.className = 'probe'
    this.shell.stage.append(probe)
    const cell = probe.getBoundingClientRect().width / 100
    probe.remove()
    const gutter = (this.digits + (this.kept.times === 'off' ? 0 : 13.5)) * cell + PADDING
    this.columns = Math.max(10, Math.floor((this.shell.port.clientWidth - gutter) / (cell || 8)))
  }
}
