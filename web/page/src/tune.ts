// The tune state in words.

import type { Session } from './api';
import { t, tenth } from './i18n';
import type { View } from './player';

/** Steps from a click to a picture, in order. */
export const steps = ['stepFind', 'stepConnect', 'stepBuffer', 'stepPlay'] as const;

const stepOf: { [state: string]: number } = { finding: 0, connecting: 1, buffering: 2, stalled: 2, playing: 3 };

/** Index of the step that is under way. */
export const step = (session: Session | undefined): number => (session && stepOf[session.state]) || 0;

/** What is going on, in a few words. */
export function words(view: View, session: Session | undefined): string {
  if (view.phase === 'failed') return t(view.failure || 'failed');
  if (view.phase === 'blocked') return t('blocked');
  if (view.phase === 'paused') return t('paused');
  if (view.phase === 'playing') return t('playing');
  if (view.retrying && session?.state === 'playing') return t('retrying');
  return gatewayWords(session) || t(view.retrying ? 'retrying' : 'tuning');
}

function gatewayWords(session: Session | undefined): string {
  if (!session) return '';
  // The gateway speaks English and may know more than its state tells.
  const english = document.documentElement.lang === 'en' && session.text;
  switch (session.state) {
    case 'finding':
      return english || t('finding');
    case 'connecting':
      return english || t(['connecting', 'connecting1'][session.peers] as 'connecting' || 'connectingN', { n: session.peers });
    case 'buffering':
      return english || t('buffering', { s: tenth(session.buffer_s) });
    case 'stalled':
      return english || t('stalled');
    case 'failed':
      return session.error || t('failed');
    case 'playing':
      return t('starting');
    default:
      return '';
  }
}
