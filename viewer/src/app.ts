// The parts of the viewer, put together.

import { Actions } from './actions.ts'
import { Announcer } from './announce.ts'
import { Commands, type Desk } from './commands.ts'
import { Feed, type Viewer } from './feed.ts'
import { Finder, type Ground } from './finder.ts'
import { totals } from './filter.ts'
import { help } from './help.ts'
import { Overlay } from './overlay.ts'
import { Painter, type Scene } from './painter.ts'
import { Reader, type Place } from './reader.ts'
import { Listed } from './rows.ts'
import { Selected, type Text } from './selected.ts'
import * as settings from './settings.ts'
import { shell } from './shell.ts'
import { Shown } from './shown.ts'
import { Status } from './status.ts'
import { Toolbar } from './toolbar.ts'
import { View, type Watcher } from './view.ts'
import type { Log } from './log.ts'
import type { Theme } from './colours.ts'
import type { Options, State } from './stream.ts'

export interface Change { name: string; state: State; job: string; over: boolean }

/** What the viewer is in. */
export interface Host {
  readonly page: boolean // it is the page, and the address is its own
  readonly job: string // its id; empty if only the address of the log tells
  theme(): Theme | null // null for what the reader prefers
  changed(change: Change): void
}

export class App implements Viewer, Watcher, Ground, Scene, Place, Desk, Text {
  readonly shell = shell()
  readonly kept = settings.load()
  readonly help = help()
  readonly overlay = new Overlay(this.shell)
  readonly painter = new Painter(this)
  readonly reader: Reader
  readonly finder = new Finder(this)
  readonly commands = new Commands(this)
  readonly feed: Feed
  readonly view: View
  readonly shown: Shown
  readonly toolbar: Toolbar
  private readonly status = new Status(() => this.feed.again())
  readonly announcer = new Announcer(this.shell.spoken)
  readonly selected = new Selected(this)
  private readonly actions: Actions
  private readonly dark = matchMedia('(prefers-color-scheme: dark)')
  private readonly timer: number
  private lines = 0 // that were there at the last news
  private news = false // what comes is new, not what was there when the page was opened

  constructor(
    src: string,
    private readonly options: Options,
    private readonly host: Host,
  ) {
    this.reader = new Reader(this, host.page)
    const { app, port, canvas, slab } = this.shell, { wanted } = this.reader.chosen
    this.feed = new Feed(src, this, options, !wanted)
    this.view = new View(port, canvas, slab, new Listed(), this.painter, this)
    this.view.following = !wanted
    this.shown = new Shown(this.log, this.view)
    this.toolbar = new Toolbar(this.status.element, src, host.job, this.commands)
    this.actions = new Actions(port, slab, {
      copyLine: (line) => this.reader.copyLine(line),
      copyLink: (line) => this.reader.copyLink(line),
      context: this.commands.context,
    })
    app.prepend(this.toolbar.element)
    app.append(this.help)
    this.listen()
    this.timer = setInterval(() => this.tick(), 500)
    this.repaint()
    this.commands.show()
  }

  private listen(): void {
    const { port, slab, pill } = this.shell
    slab.addEventListener('click', (e) => this.clicked(e))
    pill.addEventListener('click', () => this.commands.run('bottom'))
    for (const moves of ['wheel', 'touchmove', 'pointerdown', 'keydown']) {
      port.addEventListener(moves, () => this.reader.leave(), { passive: true })
    }
    this.dark.addEventListener('change', this.repaint)
    addEventListener('hashchange', this.hash)
  }

  start(): void {
    this.feed.start() // the answer comes while the page is laid out
    this.shown.start()
    this.tick()
  }

  /** Requests have other headers from now on, with which the server perhaps lets in whom it kept out. */
  renew(headers: Options['headers']): void {
    this.options.headers = headers
    if (['expired', 'refused'].includes(this.status.state.kind)) this.feed.again()
  }

  stop(): void {
    this.feed.stop()
    this.finder.stop()
    this.view.stop()
    this.selected.stop()
    this.actions.hide()
    this.announcer.stop()
    clearInterval(this.timer)
    this.dark.removeEventListener('change', this.repaint)
    removeEventListener('hashchange', this.hash)
  }

  repaint = (): void => {
    this.shell.app.dataset.theme = this.shade
    this.view.update(true)
  }

  get log(): Log { return this.feed.log }
  get whole(): boolean { return this.feed.whole }
  get shade(): Theme { return this.host.theme() ?? (this.dark.matches ? 'dark' : 'light') }

  // ---- what the feed tells

  grown(): void {
    const came = this.log.count - this.lines
    if (came <= 0) return
    this.lines = this.log.count
    this.shown.grown(!this.view.following && this.news)
    this.finder.grown()
    if (this.status.state.kind === 'live') this.announcer.lineCame(came, this.log.text(this.log.count - 1))
    this.look()
  }

  replaced(log: Log, shift: number): void {
    this.lines = log.count
    this.reader.shift(shift)
    this.painter.shift(shift)
    this.view.shift(shift)
    this.selected.shift(shift)
    this.finder.forget(shift)
    this.shown.replaced(log, shift)
    this.finder.replaced()
    this.loading(0)
    this.look()
  }

  gap(from: number): void {
    const line = this.shown.gap(from)
    this.overlay.gap(from >= 0, line < 0 ? null : () => this.reader.bring(line))
    this.view.update(true)
  }

  loading(lines: number): void { this.overlay.loading(lines, () => this.feed.loadHistory()) }

  state(s: State): void {
    const { status } = this, before = status.state.kind
    status.hear(s)
    if (!this.news && (s.kind === 'live' || s.kind === 'complete')) {
      this.news = true
      this.shown.mark()
    }
    if (before === s.kind) return
    this.tick()
    this.look()
    this.announcer.connection(s.kind, status.job)
  }

  job(state: string): void {
    this.status.job = state
    this.tick()
  }

  // ---- what is shown around the lines

  tick(): void {
    const { log, feed, status, shell } = this
    const last = log.count ? log.time(log.count - 1) : NaN
    status.show(log.count, feed.first, last, Date.now() + feed.skew)
    this.toolbar.showFilter(this.shown.filter?.rank ?? 0, totals(log))
    this.toolbar.showOver(status.over)
    this.showEmpty()
    this.actions.configure(!!this.shown.filter, feed.whole && this.host.page)
    shell.app.style.setProperty('--digits', String(this.painter.digits))
    shell.port.setAttribute('aria-rowcount', String(feed.whole ? log.count : -1))
    this.host.changed({ name: status.name(log.count), state: status.state, job: status.job, over: status.over })
  }

  private showEmpty(): void { this.overlay.empty(this.view.count, this.shown.filter !== null, this.status.state) }

  followed(on: boolean): void {
    this.shown.mark()
    this.toolbar.showFollow(on)
  }

  rendered(): void {
    this.selected.restore()
    const { following } = this.view, news = following ? 0 : this.shown.news
    this.overlay.pill(following || (news <= 0 && this.status.over), news)
    if (!this.shell.empty.hidden && this.view.count) this.showEmpty()
  }

  // ---- what the search asks

  place(): number { return this.reader.line }
  bring(line: number): void { this.reader.bring(line) }
  redraw(from = 0, to = Infinity): void {
    this.view.redraw(from, to)
    this.selected.restore()
  }
  toast(text: string): void { this.overlay.toast(text) }
  expand(line: number): void { this.commands.expand(line) }
  hits(text: string, title: string, error: boolean): void { this.toolbar.showHits(text, title, error) }

  // ---- lines

  private look(): void { this.reader.look(this.status.over) }

  private hash = (): void => {
    this.reader.read()
    this.look()
    this.view.update(true)
  }

  private clicked(e: MouseEvent): void {
    const target = e.target as Element, row = target.closest<HTMLElement>('.row')
    if (!row) return
    const line = Number(row.dataset.line)
    if (target.closest('.more')) this.commands.expand(line)
    else if (target.closest('.fold') || (target.closest('.group .title') && !target.closest('a') && !this.selected.made)) this.reader.toggle(line)
    else if (target.closest('.n') && !e.ctrlKey && !e.metaKey) {
      e.preventDefault()
      this.reader.choose(line, e.shiftKey)
    }
  }

  /** What a key does. True if it was for us. */
  key(e: KeyboardEvent): boolean { return this.commands.key(e) }
}
