// Below the picture: title, figures of the session, addresses for other players.

import { useEffect, useState } from 'preact/hooks';
import { absolute, streamURL, type Channel, type Session } from './api';
import { CopyRow } from './copy';
import { named } from './codecs';
import { Actions } from './edit';
import { clock, number, rate, t, tenth } from './i18n';
import type { View } from './player';
import { SendButton } from './sendto';
import { Badge, facts, viewers } from './tile';
import { goingOn } from './tune';

/** Samples in the curve, one a second. */
const curveLength = 60;

export function Panel(props: { channel: Channel; session: Session | undefined; view: View; sent: () => void }) {
  const { channel, session } = props;
  const live = channel.kind === 'live';
  const trouble = goingOn(session);
  return (
    <div class="page panel">
      <div class="about">
        <h1><bdi>{channel.title}</bdi></h1>
        <p class="facts">
          <Badge kind={channel.kind} />
          {[channel.duration_s ? clock(channel.duration_s) : '', facts(channel)].filter(Boolean).map((fact) => <span key={fact}>{fact}</span>)}
          {session && session.viewers ? <span>{viewers(session.viewers)}</span> : null}
        </p>
        <p class="send"><SendButton channel={channel} sent={props.sent} /><Actions channel={channel} /></p>
        {session || live ? <Figures session={session} ahead={props.view.ahead} /> : null}
        {props.view.converted && session?.codecs ? <p class="facts">{t('converted', { what: named(session.codecs) })}</p> : null}
        {trouble ? <p class="trouble" role="status">{trouble}</p> : null}
      </div>
      <div class="card links">
        <h2>{t('elsewhere')}</h2>
        <CopyRow label={t(live ? 'streamTS' : 'streamFile')} text={streamURL(channel)} />
        <CopyRow label={t(live ? 'playlist' : 'filmList')} text={absolute(live ? 'channels.m3u' : 'films.m3u')} />
        {channel.link ? <CopyRow label={t('swarmLink')} text={channel.link} /> : null}
      </div>
    </div>
  );
}

function Figures(props: { session: Session | undefined; ahead: number }) {
  const { session } = props;
  const curve = useCurve(session);
  return (
    <dl class="figures">
      <Figure name={t('rate')} value={session ? rate(session.down_bps) : '–'} curve={curve} />
      <Figure name={t('peers')} value={session ? number(session.peers) : '–'} />
      <Figure name={t('upload')} value={session ? rate(session.up_bps) : '–'} />
      <Figure name={t('buffer')} value={props.ahead ? t('seconds', { n: tenth(props.ahead) }) : '–'} />
    </dl>
  );
}

function Figure(props: { name: string; value: string; curve?: number[] }) {
  return (
    <div class={props.curve ? 'figure wide' : 'figure'}>
      <dt>{props.name}</dt>
      <dd>{props.value}</dd>
      {props.curve && props.curve.length > 1 ? <Curve values={props.curve} /> : null}
    </div>
  );
}

/** The last minute's rates; each event with sessions adds one. */
function useCurve(session: Session | undefined): number[] {
  const [values, setValues] = useState<number[]>([]);
  useEffect(() => {
    if (session) setValues((old) => old.concat(session.down_bps).slice(-curveLength));
  }, [session]);
  return values;
}

function Curve(props: { values: number[] }) {
  const top = Math.max(...props.values, 1);
  const points = props.values.map((v, i) => `${((i + curveLength - props.values.length) / (curveLength - 1)) * 100},${28 - (v / top) * 26}`);
  return (
    <svg class="curve" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(' ')} fill="none" stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke" />
    </svg>
  );
}
