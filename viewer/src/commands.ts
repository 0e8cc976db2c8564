// What readers tell the viewer to do, by keys and buttons.

import { actionOf, filters, type Action } from './keys.ts'
import { LONG } from './row.ts'
import * as settings from './settings.ts'
import type { Feed } from './feed.ts'
import type { Finder } from './finder.ts'
import type { Overlay } from './overlay.ts'
import type { Painter } from './painter.ts'
import type { Query } from './match.ts'
import type { Reader } from './reader.ts'
import type { Selected } from './selected.ts'
import type { Shell } from './shell.ts'
import type { Shown } from './shown.ts'
import type { Toolbar } from './toolbar.ts'
import type { View } from './view.ts'

/** The parts of the viewer that do it. */
export interface Desk {
  readonly shell: Shell
  readonly kept: settings.Settings
  readonly feed: Feed
  readonly view: View
  readonly shown: Shown
  readonly finder: Finder
  readonly reader: Reader
  readonly painter: Painter
  readonly overlay: Overlay
  readonly selected: Selected
  readonly toolbar: Toolbar
  readonly help: HTMLDialogElement
  /** What is shown around the lines is no longer so. */
  tick(): void
}

export class Commands {
  constructor(private readonly desk: Desk) {}

  search = (query: Query): void => {
    this.desk.reader.chosen.wanted = null
    this.desk.finder.find(query)
  }

  step = (by: 1 | -1): void => this.desk.finder.step(by)
  leaveSearch = (): void => this.desk.shell.port.focus()

  filter = (rank: number): void => {
    this.desk.shown.setFilter(rank, this.desk.reader.current)
    this.desk.tick()
  }

  context = (line: number): void => {
    this.desk.reader.context(line)
    this.desk.tick()
  }

  expand(line: number): void {
    this.desk.painter.expand(line)
    this.desk.view.update(true)
  }

  /** What a key does. True if it was for us. */
  key(e: KeyboardEvent): boolean {
    if (this.desk.help.open) return false
    if (this.selectsAll(e)) {
      this.desk.selected.all()
      return true
    }
    const action = actionOf(e)
    if (!action) return false
    this.run(action)
    return true
  }

  // In the log, and where nothing has the focus; a field's text is another.
  private selectsAll(e: KeyboardEvent): boolean {
    const { shell, feed } = this.desk, target = e.composedPath()[0] as Node
    return (e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey && e.key.toLowerCase() === 'a' && feed.log.count > 0 &&
      (target === document.body || shell.port.contains(target))
  }

  run = (action: Action): void => {
    const { view, finder, toolbar, kept, shown, help } = this.desk
    switch (action) {
      case 'filter0': case 'filter1': case 'filter2': case 'filter3': return this.filter(filters[action])
      case 'top': return this.toEnd(() => view.top())
      case 'bottom': return this.toEnd(() => view.follow())
      case 'search': return toolbar.focusSearch()
      case 'next': return finder.step(1)
      case 'previous': return finder.step(-1)
      case 'follow': return this.go(() => (view.following ? view.unfollow() : view.follow()))
      case 'wrap': return this.keep({ wrap: !kept.wrap })
      case 'times': return this.keep({ times: settings.next[kept.times] })
      case 'foldAll': return shown.toggleAll()
      case 'help': return help.showModal()
      case 'escape': return this.escape()
      default: if (this.desk.feed.log.count) this.atLine(action, this.desk.reader.line)
    }
  }

  // What is done at a line, of which there is one.
  private atLine(action: Action, line: number): void {
    const { reader, feed, shown } = this.desk
    switch (action) {
      case 'down': return reader.move(1)
      case 'up': return reader.move(-1)
      case 'copy': return reader.copyLine(line)
      case 'link': return reader.copyLink(line)
      case 'fold': return reader.toggle(line)
      case 'enter': return feed.log.length(line) > LONG ? this.expand(line) : reader.toggle(line)
      case 'error': return this.nextError()
      case 'context': if (shown.filter) this.context(line)
    }
  }

  // The next key would lead back to the line that keys were for.
  private toEnd(where: () => void): void {
    this.desk.reader.current = -1
    this.desk.view.update(true)
    this.go(where)
  }

  private go(where: () => void): void {
    this.desk.reader.leave()
    where()
  }

  private keep(change: Partial<settings.Settings>): void {
    const { view, kept } = this.desk, anchor = view.anchor()
    Object.assign(kept, change)
    settings.save(kept)
    this.show()
    view.relayout(anchor)
  }

  /** Shows what is kept. */
  show(): void {
    const { shell, view, kept, toolbar } = this.desk
    view.wrap = kept.wrap
    shell.app.classList.toggle('wrapped', kept.wrap)
    shell.app.dataset.times = kept.times
    toolbar.showSettings(kept.wrap, kept.times)
    toolbar.showFollow(view.following)
  }

  private nextError(): void {
    const { feed, reader, overlay } = this.desk, { errors } = feed.log
    if (!errors.count) return overlay.toast('there is no error')
    const row = errors.after(reader.current)
    reader.bring(errors.lineAt(row < errors.count ? row : 0))
  }

  private escape(): void {
    const { finder, toolbar, shown, reader } = this.desk
    if (finder.query.text) {
      toolbar.input.value = ''
      finder.find({ ...finder.query, text: '' })
    } else if (shown.filter) this.filter(0)
    else reader.reset()
  }
}
