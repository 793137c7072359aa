// Words in the viewer's language. A further language is a dictionary in lang/ and a line
// in `dictionaries`.

import { de } from './lang/de';
import { en, type Dictionary } from './lang/en';
import { es } from './lang/es';

const dictionaries: { [language: string]: Dictionary } = { en, de, es };
const rightToLeft = new Set(['ar', 'fa', 'he', 'ur']);

function choose(): string {
  for (const wanted of navigator.languages || [navigator.language]) {
    const language = wanted.toLowerCase().split('-')[0] || '';
    if (dictionaries[language]) return language;
  }
  return 'en';
}

/** The language in use, as in the lang attribute. */
export const language = choose();

document.documentElement.lang = language;
document.documentElement.dir = rightToLeft.has(language) ? 'rtl' : 'ltr';

const words = dictionaries[language] || en;

/** Returns a text with its {placeholders} filled. */
export function fill(text: string, values: { [name: string]: string | number } = {}): string {
  return text.replace(/\{(\w+)\}/g, (mark, name) => (name in values ? String(values[name]) : mark));
}

/** Returns the text for a key with its {placeholders} filled. */
export const t = (key: keyof Dictionary, values?: { [name: string]: string | number }): string => fill(words[key], values);

const numbers = (digits: number): Intl.NumberFormat =>
  new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const whole = numbers(0);
const tenths = numbers(1);

/** A rate in bits per second: "1.4 Mbit/s". */
export function rate(bps: number): string {
  if (bps >= 1e6) return tenths.format(bps / 1e6) + ' Mbit/s';
  return whole.format(bps / 1e3) + ' kbit/s';
}

/** Seconds with one digit: "1.2". */
export const tenth = (seconds: number): string => tenths.format(seconds);

/** A length of time: "1:04:09". */
export function clock(seconds: number): string {
  const s = Math.round(seconds);
  const pad = (n: number): string => String(n).padStart(2, '0');
  const hours = Math.floor(s / 3600);
  const rest = `${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
  return hours ? `${hours}:${rest}` : rest.replace(/^0/, '');
}

/** The time of day of a date and time: "10:31". */
export const timeOfDay = (at: string): string => new Date(at).toLocaleTimeString(language, { hour: '2-digit', minute: '2-digit' });

/** The time of day of a moment: "20:15". */
export const time = (moment: string): string => new Date(moment).toLocaleTimeString(language, { hour: '2-digit', minute: '2-digit' });

/** A size in bytes: "354 kB". */
export function size(bytes: number): string {
  if (bytes >= 1e9) return tenths.format(bytes / 1e9) + ' GB';
  if (bytes >= 1e6) return tenths.format(bytes / 1e6) + ' MB';
  return whole.format(bytes / 1e3) + ' kB';
}
