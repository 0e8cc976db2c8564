// Chromium, as viewer.mjs wants a browser to be.
import { readFile } from 'node:fs/promises'
import { chromium } from 'playwright-core'
import { tasksOf } from './trace.mjs'

// What a page does that it must not do, told on the console.
const listen = () => addEventListener('securitypolicyviolation', (e) => {
  console.error(`securitypolicyviolation: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`)
}, true)

export class Chromium {
  found = []

  static async launch() {
    const c = new Chromium()
    c.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM,
      headless: true,
      handleSIGINT: false,
      args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync',
      ],
    })
    return c
  }

  /** Opens an address in a page of its own, in place of the one before. Its host and hosts may be asked for something. */
  async open(address, { width = 1280, height = 800, dark = false, clock = false, touch = false, still = false, forced = false, hosts = [], script = '' } = {}) {
    await this.context?.close()
    this.context = await this.browser.newContext({
      viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', hasTouch: touch, isMobile: touch,
      reducedMotion: still ? 'reduce' : 'no-preference', forcedColors: forced ? 'active' : 'none', permissions: ['clipboard-read', 'clipboard-write'],
    })
    this.found = []
    this.page = await this.context.newPage()
    const note = (problem) => this.found.push(problem)
    this.page.on('pageerror', (error) => note('error: ' + error.stack))
    this.page.on('console', (m) => ['error', 'warning'].includes(m.type()) && note(m.text()))
    this.page.on('dialog', (d) => { note('dialog: ' + d.message()); void d.dismiss() })
    this.requested = []
    this.page.on('request', (r) => {
      this.requested.push(r.url())
      if (![new URL(address).host, ...hosts].includes(new URL(r.url()).host)) note('request: ' + r.url())
    })
    await this.page.addInitScript(listen)
    if (script) await this.page.addInitScript(script)
    if (clock) await this.page.clock.install()
    this.inspector = await this.context.newCDPSession(this.page)
    await this.page.goto(address)
  }

  // The inspector's evaluation is not subject to the page's policy.
  async evaluate(expression) {
    const { result, exceptionDetails: e } = await this.inspector.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (e) throw new Error(e.exception?.description ?? e.text)
    return result.value
  }

  reload() { return this.page.reload().then(() => null) }
  click(x, y) { return this.page.mouse.click(x, y) }
  hover(x, y) { return this.page.mouse.move(x, y) }
  down(x, y) { return this.page.mouse.move(x, y).then(() => this.page.mouse.down()) }
  up() { return this.page.mouse.up() }
  tap(x, y) { return this.page.touchscreen.tap(x, y) }
  press(key) { return this.page.keyboard.press(key) }
  type(text) { return this.page.keyboard.type(text) }
  resize(width, height) { return this.page.setViewportSize({ width, height }) }
  problems() { return this.found }
  requests() { return this.requested }
  forward(ms) { return this.page.clock.fastForward(ms) }
  /** Waits until a link has led to an address. */
  arrive(address, timeout) { return this.page.waitForURL(address, { timeout }) }
  screenshot(path) { return this.page.screenshot({ path }).then(() => null) }
  close() { return this.browser.close() }

  /** Keeps a cookie that no script can read, as a server sets it. */
  async cookie(origin, name, value) {
    await this.context.addCookies([{ name, value, url: origin, secure: true, httpOnly: true, sameSite: 'Strict' }])
  }

  async wheel(dy) {
    const { width, height } = this.page.viewportSize()
    await this.page.mouse.move(width / 2, height / 2)
    await this.page.mouse.wheel(0, dy)
  }

  /** Scrolls as touchpads do: by so many pixels, so many a second. */
  glide(by, speed) {
    return this.inspector.send('Input.synthesizeScrollGesture', { x: 600, y: 400, yDistance: -by, speed, gestureSourceType: 'mouse' })
  }

  /** A finger moves from the middle of the page, in ten steps. */
  async swipe(dy) {
    const { width, height } = this.page.viewportSize()
    const touch = (type, ...points) => this.inspector.send('Input.dispatchTouchEvent', { type, touchPoints: points })
    const at = (step) => ({ x: width / 2, y: height / 2 + (dy * step) / 10 })
    await touch('touchStart', at(0))
    for (let step = 1; step <= 10; step++) await touch('touchMove', at(step))
    await touch('touchEnd')
  }

  /** The page's heap in MB: objects, and the buffers of typed arrays. */
  async heap() {
    const { usedSize, backingStorageSize } = await this.inspector.send('Runtime.getHeapUsage')
    return { objects: usedSize / 1e6, buffers: backingStorageSize / 1e6 }
  }

  /** The same, without garbage. */
  async collected() {
    await this.inspector.send('HeapProfiler.collectGarbage')
    return this.heap()
  }

  /** Begins a trace, of which traced() tells. */
  trace() { return this.browser.startTracing(this.page, { categories: ['toplevel'] }) }
  async traced() { return tasksOf(JSON.parse(await this.browser.stopTracing())) }

  /** Does what starts a download: the file's name, and what is in it. */
  async download(start) {
    const [download] = await Promise.all([this.page.waitForEvent('download'), start()])
    return { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') }
  }
}
