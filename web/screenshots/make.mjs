// Takes the README's pictures of the page. `npm ci` in cmd/swarmgate/e2e brings the driver;
// Chromium and ffmpeg are Debian's. Start a demo that TVs can find, then:
//
//	node web/screenshots/make.mjs http://localhost:8088/

import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { renameSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const { chromium } = createRequire(new URL('../../cmd/swarmgate/e2e/', import.meta.url))('playwright-core');
const address = process.argv[2] || 'http://localhost:8088/';
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--mute-audio'] });
const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light', locale: 'en-GB' });

/** Takes a picture; one above 300 kB is reduced to 256 colours. */
async function take(name) {
  const file = here(name + '.png');
  await page.screenshot({ path: file });
  if (statSync(file).size <= 300e3) return;
  renameSync(file, file + '.full');
  const palette = 'split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=dither=sierra2_4a';
  execFileSync('ffmpeg', ['-v', 'error', '-y', '-f', 'png_pipe', '-i', file + '.full', '-vf', palette, '-frames:v', '1', file]);
  rmSync(file + '.full');
}

await page.goto(address);
await page.waitForSelector('.doors');
await page.waitForTimeout(2000); // until the media server has been announced
await take('page');
await page.click('.tile'); // the channel comes first
await page.waitForSelector('.stage.playing');
await page.waitForTimeout(40000); // for the curve of the rate
await page.mouse.move(640, 300);
await page.waitForTimeout(500);
await take('watch');
await browser.close();
