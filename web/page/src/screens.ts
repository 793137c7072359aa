// TVs and speakers of the home: what they do, and orders to them.

import { base, type Renderer } from './api';
import { t } from './i18n';
import { renderers } from './store';
import { toast } from './toast';

export type Order = 'play' | 'next' | 'pause' | 'resume' | 'stop' | 'seek' | 'volume';

const json = { 'Content-Type': 'application/json' };

/** Gives a TV an order and shows what became of it. Resolves to whether it was carried out. */
export async function order(screen: Renderer, what: Order, details?: object): Promise<boolean> {
  const init: RequestInit = details ? { method: 'POST', headers: json, body: JSON.stringify(details) } : { method: 'POST' };
  try {
    const response = await fetch(`${base}api/v1/renderers/${encodeURIComponent(screen.id)}/${what}`, init);
    const body = await response.json();
    if (!response.ok) throw new Error(body.error);
    renderers.put(body as Renderer);
    return true;
  } catch (reason) {
    toast((reason as Error).message || t('tvSilent', { name: screen.name }));
    return false;
  }
}

/** What a TV does, in a few words. */
export function doing(screen: Renderer, title: string): string {
  switch (screen.state) {
    case 'buffering':
      return t('tvStarting');
    case 'paused':
      return t('paused');
    case 'playing':
      return title ? t('playing') : t('tvOther');
    default:
      return t('tvReady');
  }
}
