// Channel numbers, typed digit by digit, and the list of channels over the picture.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Channel } from './api';
import { number, t } from './i18n';
import { isBack } from './keys';
import { watch } from './route';
import { OnAir } from './tile';

/** How long after a digit a further one belongs to the same number. */
const digitMs = 1300;

export const channelsOf = (channels: Channel[]): Channel[] => channels.filter((c) => c.kind === 'live');

/** The number that a remote control finds a channel by; 0 for a film. */
export const numberOf = (channels: Channel[], channel: Channel): number => channelsOf(channels).findIndex((c) => c.id === channel.id) + 1;

/** The digit of a key, also of an Arabic keyboard; empty for other keys. */
export function digitOf(key: string): string {
  const digits = ['0123456789', '٠١٢٣٤٥٦٧٨٩', '۰۱۲۳۴۵۶۷۸۹'];
  const value = key.length === 1 ? Math.max(...digits.map((all) => all.indexOf(key))) : -1;
  return value < 0 ? '' : String(value);
}

/** Collects digits and goes to the channel of that number; returns those typed so far. */
export function useDigits(channels: Channel[]): [string, (digit: string) => void] {
  const [typed, setTyped] = useState('');
  useEffect(() => {
    if (!typed) return undefined;
    const timer = setTimeout(() => {
      const found = channelsOf(channels)[parseInt(typed, 10) - 1];
      if (found) watch(found.id);
      setTyped('');
    }, digitMs);
    return () => clearTimeout(timer);
  }, [typed]);
  return [typed, (digit) => setTyped((old) => (old + digit).slice(-4))];
}

export function Typed(props: { typed: string; channels: Channel[] }) {
  const found = channelsOf(props.channels)[parseInt(props.typed, 10) - 1];
  return <p class="typed" role="status"><strong>{number(parseInt(props.typed, 10))}</strong> <bdi>{found ? found.title : '–'}</bdi></p>;
}

/** The channels and what is on, over the picture. */
export function Guide(props: { channels: Channel[]; current: string; close: () => void }) {
  const list = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    list.current?.querySelector<HTMLElement>('[aria-current]')?.focus();
    return () => before?.focus();
  }, []);
  const onKey = (e: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    const rows = Array.from(list.current?.querySelectorAll<HTMLElement>('button') || []);
    if (by) rows[rows.indexOf(document.activeElement as HTMLElement) + by]?.focus();
    else if (isBack(e) || e.key === 'g' || e.key === 'G') props.close();
    else if (e.key !== 'Enter' && e.key !== ' ' && e.key !== 'Tab') return;
    if (e.key !== 'Enter' && e.key !== ' ' && e.key !== 'Tab') e.preventDefault();
    e.stopPropagation();
  };
  return (
    <div class="guide" role="dialog" aria-label={t('guide')} tabIndex={-1} ref={list} onKeyDown={onKey}>
      {channelsOf(props.channels).map((c, i) => (
        <button key={c.id} aria-current={c.id === props.current ? 'true' : undefined} onClick={() => { props.close(); watch(c.id); }}>
          <b>{number(i + 1)}</b>
          <span><strong><bdi>{c.title}</bdi></strong><OnAir channel={c} /></span>
        </button>
      ))}
    </div>
  );
}
