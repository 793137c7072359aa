// What the gateway does, has done since its start, and what is amiss.

import { useEffect, useState } from 'preact/hooks';
import { fetchStatus, type Status } from './api';
import { Dialog } from './dialogs';
import { number, percent, rate, size, t, timeOfDay } from './i18n';
import { ViewLink } from './viewlink';

const everyMs = 2000;

export function StatusDialog(props: { close: () => void }) {
  const [status, see] = useState<Status | null>(null);
  const [error, fail] = useState('');
  useEffect(() => {
    let over = false;
    const look = (): void => {
      fetchStatus().then((s) => { if (!over) { see(s); fail(''); } }, (e: Error) => { if (!over) fail(e.message); });
    };
    look();
    const timer = setInterval(look, everyMs);
    return () => { over = true; clearInterval(timer); };
  }, []);
  return (
    <Dialog title={t('status')} close={props.close}>
      {error ? <p class="error" role="alert">{error}</p> : null}
      {status ? <Shown status={status} /> : <p>{t('loading')}…</p>}
      <p class="row"><ViewLink class="button main" view="health" act={props.close}>{t('health')}</ViewLink></p>
    </Dialog>
  );
}

function Shown({ status: s }: { status: Status }) {
  const rows: [string, string][] = [
    [t('peers'), number(s.peers)],
    [t('viewing'), number(s.viewers)],
    [t('received'), `${rate(s.down_bps)} · ${size(s.received_bytes)}`],
    [t('upload'), `${rate(s.up_bps)} · ${size(s.sent_bytes)}`],
    [t('ratio'), s.share_ratio === null ? '–' : percent(s.share_ratio)],
    [t('since'), timeOfDay(s.since)],
  ];
  return (
    <>
      {s.trouble.length ? null : <p>{t('allWell')}</p>}
      {s.trouble.map((one) => <p class="error" key={one.code + one.about}><bdi>{one.about ? one.about + ': ' : ''}{one.text}</bdi></p>)}
      <dl class="keys">
        {rows.map(([what, value]) => <div key={what}><dt>{what}</dt><dd><bdi>{value}</bdi></dd></div>)}
      </dl>
      <Curve label={t('received')} values={s.samples.map((one) => one.down_bps)} />
      <Curve label={t('upload')} values={s.samples.map((one) => one.up_bps)} />
    </>
  );
}

/** The last ten minutes; the newest is where the line of the text ends. */
function Curve(props: { label: string; values: number[] }) {
  const { values } = props;
  const most = Math.max(...values, 0);
  if (values.length < 2 || !most) return null;
  const points = values.map((v, i) => `${((i / (values.length - 1)) * 300).toFixed(1)},${(39 - (v / most) * 38).toFixed(1)}`);
  return (
    <figure class="history">
      <figcaption>{t('curve', { what: props.label, most: rate(most) })}</figcaption>
      <svg viewBox="0 0 300 40" preserveAspectRatio="none" aria-hidden="true"><polyline points={points.join(' ')} /></svg>
    </figure>
  );
}
