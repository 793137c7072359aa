// What the doctor says: of each thing that the gateway needs whether it is well, what that means and what to do.

import { useEffect, useState } from 'preact/hooks';
import { ask, type Refused } from '../api';
import { timeOfDay } from '../i18n';
import { Problem } from './problem';
import { named, t } from './words';

/** One thing that was looked at. The texts are in English. */
interface Check {
  name: string;
  state: 'well' | 'unwell' | 'unknown';
  value: string;
  meaning: string;
  remedy?: string;
}

interface Examination {
  well: boolean;
  at: string | null; // null until there was one
  checks: Check[];
  under_way: Check[] | null; // found so far, null while nobody looks
}

const path = 'api/v1/doctor';
/** How often is asked what was found so far. */
const everyMs = 400;
/** How many things are looked at when there is one tracker. */
const usual = 12;

export function Health() {
  const [last, see] = useState<Examination | null>(null);
  const [busy, setBusy] = useState(false);
  const [refused, refuse] = useState<Refused | null>(null);
  const look = (): void => {
    setBusy(true);
    refuse(null);
    ask<Examination>(path, 'POST').then(see, refuse).then(() => setBusy(false));
  };
  useEffect(() => {
    ask<Examination>(path).then((e) => { see(e); if (!e.at) look(); }, refuse);
  }, []);
  useEffect(() => {
    if (!busy) return undefined;
    let over = false;
    const timer = setInterval(() => void ask<Examination>(path).then((e) => { if (!over && e.under_way) see(e); }, () => undefined), everyMs);
    return () => { over = true; clearInterval(timer); };
  }, [busy]);
  const found = busy ? last?.under_way || [] : last?.checks || [];
  return (
    <>
      <div class="view-head">
        <div>
          <h1>{t('health')}</h1>
          <p class="soft">{t('healthText')}</p>
        </div>
        <button class="button main" data-nav aria-busy={busy} onClick={() => busy || look()}>{t('look')}</button>
      </div>
      {refused ? <Problem reason={refused} /> : null}
      {busy ? (
        <div class="progress">
          <p role="status">{t('looking')}…</p>
          <progress max={usual} value={Math.min(found.length, usual)} aria-label={t('foundSoFar', { n: found.length, of: usual })} />
        </div>
      ) : <p class="summary" role="status">{last ? summary(last) : ''}</p>}
      <ul class="checks">
        {found.map((check, i) => <Row key={check.name + i} check={check} />)}
      </ul>
    </>
  );
}

function summary(e: Examination): string {
  if (!e.at) return t('neverLooked');
  const time = timeOfDay(e.at);
  const count = (state: Check['state']): number => e.checks.filter((check) => check.state === state).length;
  const unwell = count('unwell');
  if (unwell) return t(unwell === 1 ? 'unwell1' : 'unwell', { n: unwell, time });
  return t(count('unknown') ? 'unknown' : 'wellAt', { n: count('unknown'), time });
}

function Row({ check }: { check: Check }) {
  return (
    <li class={'check card ' + check.state} tabIndex={-1} data-nav>
      <span class="mark-sign" role="img" aria-label={named('mark', check.state)}>{{ unwell: '✘', unknown: '–', well: '✔' }[check.state]}</span>
      <div>
        <h2>{named('check', check.name)} <span class="soft" lang="en" dir="auto">{check.value}</span></h2>
        <p lang="en" dir="auto">{check.meaning}</p>
        {check.remedy ? <p class="remedy"><strong>{t('remedy')}</strong> <span lang="en" dir="auto">{check.remedy}</span></p> : null}
      </div>
    </li>
  );
}
