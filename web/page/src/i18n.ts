// Words in the viewer's language. English stands in the page. A further language is a dictionary in lang/, which is built
// into a script of its own, and an attribute of index.html that names that script.

import { languageScript } from './api';
import { en, type Count, type Dictionary, type Form, type Text } from './lang/en';
import { loadScript } from './load';

const rightToLeft = ['ar', 'fa', 'he', 'ur'];

function choose(): [string, string] {
  for (const wanted of navigator.languages || [navigator.language]) {
    const language = wanted.toLowerCase().split('-')[0] || '';
    if (language === 'en' || languageScript(language)) return [language, wanted];
  }
  return ['en', 'en'];
}

const [language, chosen] = choose();

/** The viewer's language with its region, for Intl. */
export const locale = chosen;

let words: Dictionary = en;

/** Gets the words. Without them, as when the gateway went away just now, the page speaks English. */
export async function speak(): Promise<void> {
  if (language !== 'en') {
    await loadScript(languageScript(language));
    words = (window as unknown as { swarmgateWords: Dictionary }).swarmgateWords;
  }
  document.documentElement.lang = language;
  document.documentElement.dir = rightToLeft.indexOf(language) < 0 ? 'ltr' : 'rtl';
}

/** The language in use, as in the lang attribute. */
export const spoken = (): string => (words === en ? 'en' : language);

type Values = { [name: string]: string | number };

/** Returns a text with its {placeholders} filled. */
export const fill = (text: string, values: Values = {}): string =>
  text.replace(/\{(\w+)\}/g, (mark, name) => (name in values ? String(values[name]) : mark));

/** Returns the text for a key with its {placeholders} filled. */
export const t = (key: Text, values?: Values): string => fill(words[key], values);

const { PluralRules } = Intl as { PluralRules?: new (locale: string) => { select(n: number): Form } }; // younger than some TVs
const rules = PluralRules ? new PluralRules(language) : { select: (n: number): Form => (n === 1 ? 'one' : 'other') };

/** Returns the text that counts n of something. */
export function count(key: Count, n: number, values: Values = {}): string {
  const forms = words[key];
  return fill(forms[rules.select(n)] || forms.other, { ...values, n: number(n) });
}

const numbers = (digits: number): Intl.NumberFormat =>
  new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const whole = numbers(0);
const tenths = numbers(1);
const two = new Intl.NumberFormat(locale, { minimumIntegerDigits: 2 });

/** A whole number. */
export const number = (n: number): string => whole.format(n);

/** A share of one: "45 %". */
export const percent = (share: number): string => whole.format(Math.round(share * 100)) + ' %';

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
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  return (hours ? [whole.format(hours), two.format(minutes)] : [whole.format(minutes)]).concat(two.format(s % 60)).join(':');
}

/** The time of day of a date and time: "10:31". */
export const timeOfDay = (at: string): string => new Date(at).toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit' });

/** The time of day of a moment: "20:15". */
export const time = (moment: string): string => new Date(moment).toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit' });

/** A size in bytes: "354 kB". */
export function size(bytes: number): string {
  if (bytes >= 1e9) return tenths.format(bytes / 1e9) + ' GB';
  if (bytes >= 1e6) return tenths.format(bytes / 1e6) + ' MB';
  return whole.format(bytes / 1e3) + ' kB';
}
