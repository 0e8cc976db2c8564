// Firefox, as viewer.mjs wants a browser to be, by WebDriver BiDi.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { readFile, writeFile } from 'node:fs/promises'
import WebSocket from 'ws'

const keys = { Escape: '\uE00C', Enter: '\uE007', Tab: '\uE004', Control: '\uE009' }

// Tests read what was copied; Firefox would ask its user.
const preferences = 'user_pref("dom.events.testing.asyncClipboard", true);\n'

const listen = `() => addEventListener('securitypolicyviolation', (e) => {
  console.error('securitypolicyviolation: ' + e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample)
}, true)`

export class Firefox {
  found = []
  pending = new Map()
  last = 0

  static async launch(folder) {
    const f = new Firefox()
    await writeFile(folder + '/user.js', preferences)
    f.process = spawn(process.env.FIREFOX, ['--headless', '--remote-debugging-port', '0', '--remote-allow-system-access', '--profile', folder, '--no-remote'], {
      env: { ...process.env, HOME: folder, MOZ_HEADLESS_WIDTH: '1280', MOZ_HEADLESS_HEIGHT: '900' }, stdio: ['ignore', 'ignore', 'pipe'],
    })
    f.exited = once(f.process, 'exit')
    f.socket = new WebSocket(await address(f.process.stderr) + '/session')
    await once(f.socket, 'open')
    f.socket.on('message', (m) => f.heard(JSON.parse(m)))
    await f.send('session.new', { capabilities: { alwaysMatch: { unhandledPromptBehavior: { default: 'ignore' } } } })
    await f.send('session.subscribe', { events: ['log.entryAdded', 'browsingContext.load', 'browsingContext.userPromptOpened', 'browsingContext.downloadWillBegin', 'browsingContext.downloadEnd', 'network.beforeRequestSent'] })
    await f.send('browser.setDownloadBehavior', { downloadBehavior: { type: 'allowed', destinationFolder: folder } })
    await f.send('script.addPreloadScript', { functionDeclaration: listen })
    return f
  }

  send(method, params = {}) {
    const id = ++this.last
    this.socket.send(JSON.stringify({ id, method, params }))
    return new Promise((resolve, reject) => this.pending.set(id, { resolve, reject }))
  }

  heard({ id, type, result, error, message, method, params }) {
    const asked = this.pending.get(id)
    this.pending.delete(id)
    if (type === 'error') asked?.reject(new Error(`${error}: ${message}`))
    else asked?.resolve(result)
    if (method) this.told(method, params)
  }

  told(method, params) {
    if (method === 'network.beforeRequestSent' && params.context === this.context) {
      const { url, method: how } = params.request
      if (how !== 'OPTIONS') this.requested.push(url) // it asks first whether it may ask, which Chromium does not tell
      if (!this.hosts.includes(new URL(url).host)) this.found.push('request: ' + url)
    }
    if (method === 'browsingContext.load' && params.context === this.context) {
      this.at = params.url
      this.arrived?.()
    }
    if (method === 'browsingContext.downloadEnd') this.downloaded?.(params)
    if (method === 'browsingContext.downloadWillBegin') this.suggested = params.suggestedFilename
    if (method === 'log.entryAdded' && ['error', 'warn'].includes(params.level)) this.found.push(params.text)
    if (method === 'browsingContext.userPromptOpened') {
      this.found.push('dialog: ' + params.message)
      void this.send('browsingContext.handleUserPrompt', { context: params.context, accept: false })
    }
  }

  /** Opens an address in a page of its own, in place of the one before. Its host and hosts may be asked for something. */
  async open(address, { width = 1280, height = 800, dark = false, hosts = [] } = {}) {
    if (this.user) await this.send('browser.removeUserContext', this.user) // with its pages and what they have kept
    this.user = await this.send('browser.createUserContext')
    this.context = (await this.send('browsingContext.create', { type: 'tab', ...this.user })).context
    this.found = []
    this.requested = []
    this.hosts = [new URL(address).host, ...hosts]
    await this.prefer(dark)
    await this.resize(width, height)
    await this.send('browsingContext.navigate', { context: this.context, url: address, wait: 'complete' })
  }

  // What readers prefer is a setting of the browser, which only its own pages can change.
  async prefer(dark) {
    const { contexts: [own] } = await this.send('browsingContext.getTree', { 'moz:scope': 'chrome', maxDepth: 0 })
    const { exceptionDetails: e } = await this.send('script.evaluate', {
      expression: `Services.prefs.setIntPref('layout.css.prefers-color-scheme.content-override', ${dark ? 0 : 1})`,
      target: { context: own.context }, awaitPromise: false,
    })
    if (e) throw new Error(e.text)
  }

  /** Keeps a cookie that no script can read, as a server sets it. */
  async cookie(origin, name, value) {
    await this.send('storage.setCookie', {
      cookie: { name, value: { type: 'string', value }, domain: new URL(origin).hostname, path: '/', secure: true, httpOnly: true, sameSite: 'strict' },
      partition: { type: 'storageKey', ...this.user },
    })
  }

  async evaluate(expression) {
    const { result, exceptionDetails: e } = await this.send('script.evaluate', {
      expression, target: { context: this.context }, awaitPromise: true, userActivation: true,
    })
    if (e) throw new Error(e.text)
    return result.value
  }

  act(type, actions) {
    return this.send('input.performActions', { context: this.context, actions: [{ type, id: type, actions }] }).then(() => null)
  }

  click(x, y) {
    const at = { type: 'pointerMove', x: Math.round(x), y: Math.round(y) }
    return this.act('pointer', [at, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }])
  }

  hover(x, y) { return this.act('pointer', [{ type: 'pointerMove', x: Math.round(x), y: Math.round(y) }]) }
  reload() { return this.send('browsingContext.reload', { context: this.context, wait: 'complete' }).then(() => null) }
  down(x, y) { return this.act('pointer', [{ type: 'pointerMove', x: Math.round(x), y: Math.round(y) }, { type: 'pointerDown', button: 0 }]) }
  up() { return this.act('pointer', [{ type: 'pointerUp', button: 0 }]) }

  /** Presses a key, or several together as in Control+c. */
  press(name) {
    const all = name.split(/(?<=.)\+/).map((key) => keys[key] ?? key)
    return this.act('key', [...all.map((value) => ({ type: 'keyDown', value })), ...all.reverse().map((value) => ({ type: 'keyUp', value }))])
  }

  type(text) { return this.act('key', [...text].flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }])) }
  wheel(dy) { return this.act('wheel', [{ type: 'scroll', x: 640, y: 400, deltaX: 0, deltaY: dy }]) }
  resize(width, height) { return this.send('browsingContext.setViewport', { context: this.context, viewport: { width, height } }) }
  problems() { return this.found }
  requests() { return this.requested }

  /** Waits until a link has led to an address. */
  async arrive(address, ms) {
    const late = setTimeout(() => this.arrived?.(new Error('the page is ' + this.at)), ms)
    await new Promise((resolve, reject) => {
      this.arrived = (error) => { if (error) reject(error); else if (this.at === address) resolve() }
      this.arrived()
    })
    clearTimeout(late)
    this.arrived = null
  }

  async screenshot(path) {
    const { data } = await this.send('browsingContext.captureScreenshot', { context: this.context })
    await writeFile(path, Buffer.from(data, 'base64'))
  }

  /** Does what starts a download: the file's name, and what is in it. */
  async download(start) {
    const end = new Promise((resolve) => { this.downloaded = resolve })
    await start()
    const { status, filepath } = await end
    if (status !== 'complete') throw new Error('the download is ' + status)
    return { name: this.suggested, text: await readFile(filepath, 'utf8') }
  }

  async close() {
    await this.send('browser.close').catch(() => this.process.kill())
    this.socket.terminate()
    await this.exited
  }
}

// Where Firefox says that it listens.
async function address(stderr) {
  for await (const line of createInterface({ input: stderr })) {
    const m = /WebDriver BiDi listening on (ws:\S+)/.exec(line)
    if (m) {
      stderr.resume() // and whatever it says besides is of no interest
      return m[1]
    }
  }
  throw new Error('Firefox ended before it listened')
}
