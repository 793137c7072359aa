// Starts the page.

import { render } from 'preact';
import { App } from './app';
import { speak } from './i18n';
import { loadMpegts } from './mpegts';
import { watched } from './route';
import { follow } from './store';

follow(() => watched() !== null);
const show = (): void => render(<App />, document.getElementById('app') as HTMLElement);
/** On a slow device the page takes a while; before that, what index.html holds is painted. */
const soon = (): void => void (document.hidden ? show() : requestAnimationFrame(() => setTimeout(show)));
void speak().then(soon, soon);

// The player is fetched before it is needed: at once for a deep link, otherwise when the
// grid stands, so that a click finds it there.
const preload = (): void => void loadMpegts().catch(() => undefined);
if (watched() !== null) preload();
else if ('requestIdleCallback' in window) requestIdleCallback(preload, { timeout: 500 });
else setTimeout(preload, 200);
