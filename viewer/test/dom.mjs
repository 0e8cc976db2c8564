// As much of a document as modules need that make elements: a tree, attributes
// and listeners. Nothing has a place or a size but what a test gives it.

class Fake {
  parentNode = null
  childNodes = []
  style = { setProperty() {} }
  dataset = {}
  listeners = {}
  classList = { toggle() {} }
  moves = 0 // how often it was put somewhere

  constructor(name) { this.name = name }

  get firstElementChild() { return this.childNodes[0] ?? null }
  get nextElementSibling() { return this.parentNode?.childNodes[this.parentNode.childNodes.indexOf(this) + 1] ?? null }
  get textContent() { return this.childNodes.map((n) => n.textContent ?? n).join('') }
  set textContent(text) { this.childNodes = [text] }

  append(...nodes) { for (const n of nodes) this.insertBefore(n, null) }
  remove() { this.parentNode?.childNodes.splice(this.parentNode.childNodes.indexOf(this), 1), this.parentNode = null }

  insertBefore(node, before) {
    if (node instanceof Fake) node.remove(), node.parentNode = this, node.moves++
    this.childNodes.splice(before ? this.childNodes.indexOf(before) : this.childNodes.length, 0, node)
  }

  setAttribute(name, value) { this[name] = value }
  querySelector() { return null }
  addEventListener(type, hear) { (this.listeners[type] ??= []).push(hear) }
  dispatch(type, event = {}) { for (const hear of this.listeners[type] ?? []) hear(event) }
}

/** An element that is nowhere yet. */
export const element = (name, more = {}) => Object.assign(new Fake(name), more)

/** What scrolls: it keeps its offset within the height of its content, as browsers do. */
export function scroller(clientHeight) {
  const canvas = element('div')
  const port = element('div', { clientHeight, clientWidth: 800, native: 0 })
  Object.defineProperty(port, 'scrollTop', {
    get() { return Math.max(0, Math.min(port.native, parseFloat(canvas.style.height || '0') - port.clientHeight)) },
    set(top) { port.native = top, port.native = port.scrollTop },
  })
  return { port, canvas }
}

globalThis.document = { createElement: (name) => element(name), createElementNS: (_, name) => element(name) }

/** Frames and changes of size happen when a test says so. */
export const page = {
  frames: [], observers: [],
  frame() { for (const draw of this.frames.splice(0)) draw() },
  resized() { for (const tell of this.observers) tell() },
}
globalThis.requestAnimationFrame = (draw) => page.frames.push(draw)
globalThis.cancelAnimationFrame = () => page.frames.splice(0)
globalThis.ResizeObserver = class {
  constructor(tell) { this.tell = tell }
  observe() { page.observers.push(this.tell) }
}
