// Drives Debian's Chromium for the tests: one JSON command a line on standard input, one
// JSON answer a line on standard output. All judging is done by the tests in Go.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const args = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--mute-audio',
  '--autoplay-policy=document-user-activation-required', // as with a person's own
];
const timeout = 10000;

const browser = await chromium.launch({ executablePath: process.argv[2], headless: true, chromiumSandbox: false, args });
let page;
let problems = [];
let requests = [];

// Runs in the page. Notes each new frame number with the time at which it was seen, the
// time of the last click, and the longest time (ms) in which the page came to nothing.
function watchFrames() {
  const canvas = document.createElement('canvas');
  canvas.width = 14 * 16;
  canvas.height = 16;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  window.seen = { clicked: 0, pause: 0, frames: [] };
  addEventListener('click', () => (window.seen.clicked = Date.now()), true);
  const read = (video) => {
    const scale = video.videoWidth / 640;
    context.fillStyle = '#fff'; // all squares white is no frame number
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(video, 208 * scale, 320 * scale, 224 * scale, 16 * scale, 0, 0, 224, 16);
    const pixels = context.getImageData(0, 8, 224, 1).data;
    let number = 0;
    for (let k = 0; k < 14; k++) if (pixels[4 * (8 + 16 * k) + 1] > 127) number |= 1 << k;
    return number;
  };
  let last = -1;
  let looked = Date.now();
  setInterval(() => {
    window.seen.pause = Math.max(window.seen.pause, Date.now() - looked);
    looked = Date.now();
    const video = document.querySelector('video');
    if (!video || video.readyState < 2 || !video.videoWidth) return;
    const number = read(video);
    if (number === last) return;
    last = number;
    window.seen.frames.push({ at: Date.now(), number, time: video.currentTime });
  }, 20);
}

const commands = {
  async open({ url, width = 1280, height = 800, dark = false, phone = false, locale = 'en-GB', slow = null }) {
    await page?.context().close();
    const context = await browser.newContext({
      viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', locale, isMobile: phone, hasTouch: phone,
      deviceScaleFactor: phone ? 2 : 1,
    });
    page = await context.newPage();
    page.setDefaultTimeout(timeout);
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('request', (request) => requests.push(request.url()));
    await page.addInitScript(watchFrames);
    if (slow) {
      const session = await context.newCDPSession(page);
      await session.send('Emulation.setCPUThrottlingRate', { rate: slow.cpu });
      await session.send('Network.enable');
      await session.send('Network.emulateNetworkConditions', {
        offline: false, latency: slow.latency, downloadThroughput: slow.bps / 8, uploadThroughput: slow.bps / 8,
      });
    }
    await page.goto(url, { timeout: 3 * timeout });
  },
  /** When the page first showed something, and its tiles, in ms after it was asked for. */
  async firstPaint() {
    const tiles = await (await page.waitForFunction(() => document.querySelector('.tile[data-id]') && performance.now())).jsonValue();
    const paint = await (await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime)).jsonValue();
    return { paint, tiles };
  },
  /** What axe-core finds wrong with the page as it stands, and with its colours when it is dark; and how many rules it has tried. */
  async axe() {
    if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(readFileSync('node_modules/axe-core/axe.min.js', 'utf8'));
    const run = async (options) => {
      const { passes, violations } = await page.evaluate((o) => axe.run(document, { resultTypes: ['violations'], ...o }), options);
      return { rules: passes.length + violations.length, violations };
    };
    const light = await run({});
    await commands.theme({ theme: 'dark' });
    const dark = await run({ runOnly: ['color-contrast'] });
    await commands.theme({ theme: 'light' });
    const told = (theme) => ({ id, impact, help, nodes }) =>
      ({ theme, id, impact, help, where: nodes.map((n) => n.target.join(' ') + ': ' + n.failureSummary) });
    return { rules: light.rules, violations: [...light.violations.map(told('light')), ...dark.violations.map(told('dark'))] };
  },
  /** Direction of writing, and where elements lie. */
  async layout({ selectors }) {
    return page.evaluate((all) => ({
      dir: document.documentElement.dir,
      lang: document.documentElement.lang,
      at: all.map((selector) => {
        const { left, right, top, bottom } = document.querySelector(selector).getBoundingClientRect();
        return { left, right, top, bottom };
      }),
    }), selectors);
  },
  /** Makes the page dark or light, as a system that changes by the hour does. */
  async theme({ theme }) {
    await page.emulateMedia({ colorScheme: theme });
    await commands.still();
  },
  /** Waits until nothing moves by transition any more. */
  async still() {
    await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a instanceof CSSTransition).map((a) => a.finished.catch(() => undefined))));
  },
  /** Has hls.js play a URL, with nothing of our page around it but its origin. */
  async hls({ url, library, options }) {
    await page?.context().close();
    const context = await browser.newContext({ bypassCSP: true });
    page = await context.newPage();
    page.setDefaultTimeout(timeout);
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.addInitScript(watchFrames);
    await page.goto(new URL('/healthz', url).href, { timeout: 3 * timeout });
    await page.addScriptTag({ path: library });
    await page.evaluate(({ url, options }) => {
      const video = document.createElement('video');
      video.muted = true;
      document.body.replaceChildren(video);
      const player = new Hls(options ?? {});
      window.fatal = [];
      player.on(Hls.Events.ERROR, (_, e) => e.fatal && window.fatal.push(e.type + ' ' + e.details));
      player.loadSource(url);
      player.attachMedia(video);
      void video.play();
    }, { url, options });
  },
  /** What hls.js could not get over. */
  async fatal() {
    return page.evaluate(() => window.fatal);
  },
  async wait({ selector }) {
    await page.waitForSelector(selector);
  },
  async click({ selector }) {
    await page.click(selector);
  },
  async fill({ selector, value }) {
    await page.fill(selector, value);
  },
  /** How many elements there are. */
  async count({ selector }) {
    return page.locator(selector).count();
  },
  async focus({ selector }) {
    await page.focus(selector);
  },
  async press({ key }) {
    await page.keyboard.press(key);
  },
  async seek({ time }) {
    await page.evaluate((to) => (document.querySelector('video').currentTime = to), time);
  },
  /** Frames seen since the last question, and the longest time in which nobody looked. */
  async frames() {
    return page.evaluate(() => {
      const { clicked, pause, frames } = window.seen;
      window.seen = { clicked, pause: 0, frames: [] };
      return { clicked, pause, frames };
    });
  },
  async text({ selector }) {
    return page.innerText(selector);
  },
  async type({ text }) {
    await page.keyboard.type(text);
  },
  /** Name of the element that has the focus, and where the picture is (s). */
  async state() {
    return page.evaluate(() => ({ focus: document.activeElement.tagName, time: document.querySelector('video')?.currentTime ?? 0 }));
  },
  /** ID and address of the element that has the focus, and its words. */
  async focused() {
    return page.evaluate(() => ({ id: document.activeElement.id, href: document.activeElement.getAttribute('href') ?? '', text: document.activeElement.textContent }));
  },
  /** Width by which the page is wider than its window. */
  async overflow() {
    return page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  },
  async shot({ path, full = false }) {
    await page.screenshot({ path, fullPage: full });
  },
  /** What the page has complained about since the last question. */
  async problems() {
    const list = problems;
    problems = [];
    return list;
  },
  /** Addresses that the page has asked for since the last question. */
  async requests() {
    const list = requests;
    requests = [];
    return list;
  },
};

console.log(JSON.stringify({ result: browser.version() }));
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...parameters } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: (await commands[command](parameters)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.message || error) }));
  }
}
await browser.close();
