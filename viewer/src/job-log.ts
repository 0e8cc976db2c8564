// <job-log src="/jobs/42/logs">: the log of a job, live.
//
//   src          the stream
//   job          its job, as downloads are to be called if src does not tell
//   theme        light or dark; else as the reader prefers
//   page         it is the page: keys are its own wherever the focus is, and so is
//                the address, where #L10 is a line
//   credentials  include, to send cookies to another origin
//
// The property headers has headers for requests; downloads are links, and have
// none. New ones, a fresh token for instance, are those of the next request: what
// is shown stays, what streams goes on, and who was kept out comes again at once.
// Another src or credentials opens the log anew. An event joblog tells, in its
// detail, how the job and the connection are.

import light from './light.css'
import dark from './dark.css'
import badge from './badge.css'
import style from './style.css'
import { App } from './app.ts'
import { serve } from './patterns.ts'
import type { Theme } from './colours.ts'

// Keys with which the browser scrolls what has the focus.
const scrolling = new Set([' ', 'PageUp', 'PageDown', 'ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight'])

let sheet: CSSStyleSheet | undefined

function look(): CSSStyleSheet {
  if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(light + dark + badge + style)
  return sheet
}

const page = 'document' in globalThis // else it is the worker for searches
const Base = page ? HTMLElement : (class {} as typeof HTMLElement)

export class JobLog extends Base {
  static readonly observedAttributes = ['src', 'theme', 'credentials']
  private sent: Record<string, string> = {}
  private app: App | null = null
  private told = ''
  private changing = false
  private anew = false // what changes asks for the log to be opened anew

  constructor() {
    super()
    this.attachShadow({ mode: 'open' }).adoptedStyleSheets = [look()]
    if (!Object.hasOwn(this, 'headers')) return
    const { headers } = this // which were set before the element was one of ours
    delete (this as Partial<JobLog>).headers
    this.headers = headers
  }

  get headers(): Record<string, string> { return this.sent }
  set headers(headers: Record<string, string>) {
    this.sent = headers
    this.change(false)
  }

  connectedCallback(): void {
    this.change(true)
    this.keyTarget.addEventListener('keydown', this.key)
  }

  disconnectedCallback(): void {
    this.keyTarget.removeEventListener('keydown', this.key)
    this.close()
  }

  attributeChangedCallback(name: string): void {
    if (name === 'theme') this.app?.repaint()
    else this.change(true)
  }

  // What changes at once opens one stream: an element of a page that is read is
  // told of each attribute, and then that it is there. And headers that come with
  // another address are not for the one before.
  private change(anew: boolean): void {
    this.anew ||= anew
    if (this.changing) return
    this.changing = true
    queueMicrotask(() => this.changed())
  }

  private changed(): void {
    const { anew } = this
    this.changing = this.anew = false
    if (!this.isConnected) return
    if (anew) this.open()
    else this.app?.renew(this.sent)
  }

  private get keyTarget(): EventTarget { return this.hasAttribute('page') ? document : this }

  private open(): void {
    this.close()
    const src = this.getAttribute('src')
    if (!src) return
    const credentials = this.getAttribute('credentials') === 'include' ? 'include' : 'same-origin'
    this.app = new App(src, { headers: this.headers, credentials }, {
      page: this.hasAttribute('page'), job: this.getAttribute('job') ?? '', theme: () => this.theme, changed: (change) => this.tell(change),
    })
    this.shadowRoot!.append(this.app.shell.app)
    this.app.start()
  }

  private close(): void {
    this.app?.stop()
    this.app?.shell.app.remove()
    this.app = null
  }

  private get theme(): Theme | null {
    const theme = this.getAttribute('theme')
    return theme === 'light' || theme === 'dark' ? theme : null
  }

  private key = (e: Event): void => {
    const { key } = e as KeyboardEvent
    if (this.app?.key(e as KeyboardEvent)) e.preventDefault()
    else if (document.activeElement === document.body && scrolling.has(key)) this.app?.shell.port.focus()
  }

  private tell(detail: { name: string; state: { kind: string } }): void {
    const key = detail.name + ' ' + detail.state.kind
    if (key === this.told) return
    this.told = key
    this.dispatchEvent(new CustomEvent('joblog', { detail }))
  }
}

if (page) customElements.define('job-log', JobLog)
else serve()
