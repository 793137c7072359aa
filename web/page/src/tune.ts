// The tune state in words.

import type { Session } from './api';
import { named } from './codecs';
import { count, spoken, t, tenth, timeOfDay } from './i18n';
import type { View } from './player';

/** Steps from a click to a picture, in order. */
export const steps = ['stepFind', 'stepConnect', 'stepBuffer', 'stepPlay'] as const;

const stepOf: { [state: string]: number } = { finding: 0, connecting: 1, buffering: 2, stalled: 2, playing: 3 };

/** Index of the step that is under way. */
export const step = (session: Session | undefined): number => (session && stepOf[session.state]) || 0;

/** What is going on, in a few words. */
export function words(view: View, session: Session | undefined): string {
  if (view.phase === 'failed' && session?.codecs) {
    if (view.failure === 'unsupported') return t('unsupportedCodec', { what: named(session.codecs) });
    if (view.failure === 'noConverter') return t('noConverter', { what: named(session.codecs) });
  }
  if (view.failure === 'noConverter') return t('unsupported');
  if (view.phase === 'failed') return t(view.failure || 'failed');
  if (view.phase === 'blocked') return t('blocked');
  if (view.phase === 'paused') return t('paused');
  if (view.phase === 'playing') return t('playing');
  if (view.converted && session?.state === 'playing' && !view.started) return t('converting');
  if (view.retrying && session?.state === 'playing') return t('retrying');
  return gatewayWords(session) || t(view.retrying ? 'retrying' : 'tuning');
}

const troubles = {
  no_answer: 'trackerNoAnswer', name_unknown: 'trackerNameUnknown', private_name: 'trackerPrivateName', bad_certificate: 'trackerBadCertificate',
  login_needed: 'trackerLoginNeeded', refused: 'trackerRefused', wrong_answer: 'trackerWrongAnswer',
} as const;

/** Why no tracker answers, empty while one does. */
function outage(session: Session): string {
  const { tracker } = session;
  if (!tracker) return '';
  return t(troubles[tracker.problem] || 'trackerNoAnswer', { name: tracker.name, time: timeOfDay(tracker.since) });
}

/** That no tracker answers, and with whom it goes on; empty while there is no need to tell. */
export function goingOn(session: Session | undefined): string {
  if (!session || !session.tracker || !session.peers) return '';
  return count('goingOn', session.peers, { trouble: outage(session) });
}

function gatewayWords(session: Session | undefined): string {
  if (!session) return '';
  // The gateway speaks English and may know more than its state tells.
  const english = spoken() === 'en' && session.text;
  switch (session.state) {
    case 'finding': // the gateway also tells of a publisher that does not run
      return english || [t('finding'), outage(session)].filter(Boolean).join(': ');
    case 'connecting':
      return english || (session.peers ? count('connectingN', session.peers) : t('connecting'));
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
