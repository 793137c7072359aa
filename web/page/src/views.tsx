// The views of the gateway itself: health, settings, log, about. They are a script of their own (owner/), as few look at them.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ownerScript, ownerStyle } from './api';
import { t } from './i18n';
import { loadScript, loadStyle } from './load';
import { shared } from './shared';

/** Where the two scripts meet; the second one leaves Views there. */
const meeting: { shared: typeof shared; Views?: (props: { view: string }) => JSX.Element } = { shared };
(window as unknown as { swarmgate: typeof meeting }).swarmgate = meeting;

/** Pause before files that did not come are asked for again; it doubles each time. After an upgrade they are gone. */
const retryMs = 3000;
const longestMs = 60000;

export function GatewayViews(props: { view: string }) {
  const [there, see] = useState(!!meeting.Views);
  useEffect(() => {
    let timer = 0;
    let pause = retryMs;
    const missing = [() => loadScript(ownerScript), () => loadStyle(ownerStyle)];
    const load = (): void => void (missing[0] ? missing[0]().then(() => { missing.shift(); load(); }, () => {
      timer = window.setTimeout(load, pause);
      pause = Math.min(2 * pause, longestMs);
    }) : see(true));
    if (!there) load();
    return () => clearTimeout(timer);
  }, []);
  const { Views } = meeting;
  return there && Views ? <Views view={props.view} /> : <main class="page"><p role="status">{t('loading')}…</p></main>;
}
