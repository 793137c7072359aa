// The words of these views, in the language of the page.

import { fill, number, spoken } from '../i18n';
import { ar } from './lang/ar';
import { de } from './lang/de';
import { en, type Dictionary } from './lang/en';
import { es } from './lang/es';

const dictionaries: { [language: string]: Dictionary } = { en, ar, de, es };
const words = dictionaries[spoken()] || en;

/** Returns a text with its {placeholders} filled; numbers are written as the language does. */
export function t(key: keyof Dictionary, values: { [name: string]: string | number } = {}): string {
  const written: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(values)) written[name] = typeof value === 'number' ? number(value) : value;
  return fill(words[key], written);
}

/** The words for what has a name in the API, as "check.disk"; the name itself where there are none. */
export const named = (kind: string, name: string): string => translated(kind, name) || name;

/** named, but empty where there are none. */
export const translated = (kind: string, name: string): string => (words as { [key: string]: string })[`${kind}.${name}`] || '';
