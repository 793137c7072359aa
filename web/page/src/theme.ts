// Dark or light: what the system says until the viewer chooses.

import { recall, remember } from './memory';

const root = document.documentElement;
root.dataset['theme'] = recall('theme');

export function toggleTheme(): void {
  const light = root.dataset['theme'] || (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark');
  const chosen = light === 'light' ? 'dark' : 'light';
  root.dataset['theme'] = chosen;
  remember('theme', chosen);
}
