// The last lines of the log.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ask, type Refused } from '../api';
import { copyText } from '../copy';
import { Icon } from '../icons';
import { locale } from '../i18n';
import { toast } from '../toast';
import { Problem } from './problem';
import { scrollByArrow } from './scroll';
import { named, t } from './words';

interface Line {
  number: number; // counts from 1 since the start of the gateway
  time: string;
  level: string;
  message: string;
  details: string;
}

const levels = ['debug', 'info', 'warn', 'error'];
const everyMs = 2000;
/** Most lines that are shown. */
const most = 500;

/** The lines of a level and worse, with the new ones as they come while follow is set. */
function useLines(level: string, follow: boolean, refuse: (reason: Refused | null) => void): Line[] | null {
  const [lines, see] = useState<Line[] | null>(null);
  useEffect(() => {
    let over = false;
    let known: Line[] = [];
    const take = (next: Line[]): void => {
      if (over) return;
      known = next.slice(-most);
      see(known);
      refuse(null);
    };
    const fetchLines = (after: number): Promise<Line[]> => ask(`api/v1/log?level=${level}&limit=${most}&after=${after}`);
    let asking = false; // an answer may take longer than the pause between two questions
    const look = async (): Promise<void> => {
      if (asking) return;
      asking = true;
      const last = known[known.length - 1];
      try {
        // The last one is asked for again: where it has gone, the gateway began anew.
        const fresh = await fetchLines(last ? last.number - 1 : 0);
        if (!last) take(fresh);
        else if (fresh[0]?.number !== last.number || fresh[0].time !== last.time) take(await fetchLines(0));
        else if (fresh.length > 1) take(known.concat(fresh.slice(1)));
      } catch (reason) {
        if (!over) refuse(reason as Refused);
      }
      asking = false;
    };
    void look();
    const timer = follow ? window.setInterval(() => void look(), everyMs) : 0;
    return () => { over = true; clearInterval(timer); };
  }, [level, follow]);
  return lines;
}

const clock = (at: string): string => new Date(at).toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

export function Log() {
  const [level, choose] = useState('info');
  const [follow, setFollow] = useState(true);
  const [refused, refuse] = useState<Refused | null>(null);
  const lines = useLines(level, follow, refuse);
  const box = useRef<HTMLDivElement>(null);
  const text = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, follow]);
  const copy = async (): Promise<void> => {
    const all = (lines || []).map((l) => [l.time, l.level, l.message, l.details].filter(Boolean).join(' ')).join('\n');
    if (text.current) text.current.value = all;
    toast(t(await copyText(all, text.current) ? 'copied' : 'copyFailed'));
  };
  return (
    <>
      <h1>{t('log')}</h1>
      {refused ? <Problem reason={refused} /> : null}
      <div class="filter" role="group" aria-label={t('level')}>
        {levels.map((name) => <button key={name} class="chip" data-nav aria-pressed={level === name} onClick={() => choose(name)}>{named('level', name)}</button>)}
        <button class="switch" data-nav role="switch" aria-checked={follow} onClick={() => setFollow(!follow)}><span class="knob" />{t('follow')}</button>
        <button class="button" data-nav onClick={() => void copy()}><Icon name="copy" /><span>{t('copyLog')}</span></button>
      </div>
      <div class="log card" ref={box} role="log" aria-live="off" aria-label={t('log')} tabIndex={0} data-nav lang="en" dir="ltr" onKeyDown={(e) => { if (scrollByArrow(e)) setFollow(false); }}>
        {(lines || []).map((l) => (
          <p key={l.number} class={'line ' + l.level}>
            <time dateTime={l.time} title={l.time}>{clock(l.time)}</time> <b>{l.level}</b> {l.message} {l.details ? <span class="soft">{l.details}</span> : null}
          </p>
        ))}
        {lines && !lines.length ? <p class="soft">{t('noLines')}</p> : null}
      </div>
      <textarea class="hidden" ref={text} readOnly tabIndex={-1} aria-hidden="true" />
    </>
  );
}
