// The watch page: the stage with the picture, and what goes on behind it.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { liveURLs, putPosition, streamURL, type Channel, type Session } from './api';
import { Art } from './art';
import { Controls } from './controls';
import { FilmPlayer } from './film';
import { clock, number, t } from './i18n';
import { Icon } from './icons';
import { isBack, isTyping } from './keys';
import { LivePlayer } from './live';
import { Panel } from './panel';
import { firstView, type Player, type View } from './player';
import { leave, watch } from './route';
import { toggleFullscreen, useIdle, useVolume } from './stage';
import type { Gateway } from './store';
import { recall, remember } from './memory';
import { Tile } from './tile';
import { toast } from './toast';
import { digitOf, Guide, numberOf, Typed, useDigits } from './zap';
import { step, steps, words } from './tune';

export function Watch(props: { id: string; gateway: Gateway }) {
  const { channels, sessions } = props.gateway;
  const channel = channels?.find((c) => c.id === props.id);
  useEffect(() => {
    scrollTo(0, 0);
    const onKey = (e: KeyboardEvent): void => {
      if (isTyping(e) || document.fullscreenElement || !isBack(e)) return;
      e.preventDefault();
      leave();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  if (channels && !channel) return <Missing />;
  return (
    <main class="watch">
      {channel ? (
        <Stage channel={channel} channels={channels || []} session={sessions.find((s) => s.channel === channel.id)} />
      ) : (
        <div class="stage"><div class="tune"><span class="spinner" /></div></div>
      )}
      {channel ? <Others channel={channel} gateway={props.gateway} /> : null}
    </main>
  );
}

function Stage(props: { channel: Channel; channels: Channel[]; session: Session | undefined }) {
  const { channel, session } = props;
  const stage = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const frozen = useRef<HTMLCanvasElement>(null);
  const player = useRef<Player | null>(null);
  const [shown, setShown] = useState({ id: channel.id, view: firstView });
  const view = shown.id === channel.id ? shown.view : firstView; // never that of the channel before
  const volume = useVolume(video);
  const idle = useIdle(stage, view.phase === 'playing');
  const live = channel.kind === 'live';
  const [guide, setGuide] = useState(false);
  const [stable, setStable] = useState(recall('stable') === 'yes');
  const [typed, digit] = useDigits(props.channels);

  useEffect(() => {
    const element = video.current as HTMLVideoElement;
    const setView = (now: View): void => setShown({ id: channel.id, view: now });
    const made = live ? new LivePlayer(element, liveURLs(channel), channel.codecs, frozen.current as HTMLCanvasElement, setView, stable)
      : new FilmPlayer(element, streamURL(channel), setView, channel.position_s, (at) => putPosition(channel.id, at));
    if (!live && channel.position_s > 0) toast(t('resuming', { at: clock(channel.position_s) }));
    player.current = made;
    made.start();
    document.title = channel.title;
    return () => made.stop();
  }, [channel.id, stable]);

  // Before anything is shown: later it would take the focus away from where a quick hand has put it.
  useLayoutEffect(() => stage.current?.focus(), [channel.id]);

  useEffect(() => player.current?.session(session), [session]);

  const sent = (): void => { // the picture is on the TV now
    if (view.phase === 'playing') player.current?.toggle();
  };
  const toggle = (): void => player.current?.toggle();
  const full = (): void => toggleFullscreen(stage.current, video.current);
  const seek = (by: number): boolean => player.current?.seek(by) || false;
  const steady = (): void => {
    remember('stable', stable ? 'no' : 'yes');
    setShown({ id: channel.id, view: firstView });
    setStable(!stable);
  };
  useStageKeys({ digit, guide: () => setGuide(!guide), toggle, full, seek, mute: volume.toggleMute, zap: (by) => zap(props.channels, channel, by) });

  return (
    <>
      <div class={'stage ' + view.phase + (idle ? ' idle' : '')} ref={stage} tabIndex={-1} aria-label={channel.title} role="region">
        <video ref={video} playsInline controls={!live && view.started} onDblClick={live ? full : undefined}>
          {(channel.subtitles || []).map((s) => <track key={s.url} kind="subtitles" src={s.url} srclang={s.language || 'und'} label={s.language || t('subtitles')} />)}
        </video>
        <canvas ref={frozen} hidden />
        <Tune channel={channel} view={view} session={session} toggle={toggle} />
        <div class="top">
          <button class="icon-button" data-nav aria-label={t('back')} title={t('back')} onClick={leave}><Icon name="back" /></button>
          <strong>{live && props.channels.length > 1 ? number(numberOf(props.channels, channel)) + ' · ' : ''}<bdi>{channel.title}</bdi></strong>
          <span><bdi>{channel.now ? channel.now.title : channel.group}</bdi></span>
        </div>
        {live ? <Controls view={view} volume={volume} toggle={toggle} full={full} video={video} session={session} shift={(to) => player.current?.shift(to)}
          zap={(by) => zap(props.channels, channel, by)} guide={() => setGuide(!guide)} stable={stable} steady={steady} /> : null}
        {typed ? <Typed typed={typed} channels={props.channels} /> : null}
        {guide ? <Guide channels={props.channels} current={channel.id} close={() => setGuide(false)} /> : null}
      </div>
      <Panel channel={channel} session={session} view={view} sent={sent} />
    </>
  );
}

/** What is said and offered while there is no picture. */
function Tune(props: { channel: Channel; view: View; session: Session | undefined; toggle: () => void }) {
  const { channel, view, session } = props;
  const text = words(view, session);
  const tuning = view.phase === 'tuning';
  const failed = view.phase === 'failed';
  const asks = view.phase === 'blocked' || (view.phase === 'paused' && channel.kind === 'live');
  const shown = tuning || failed || asks;
  const through = view.started || view.phase === 'blocked'; // the picture behind is seen
  return (
    <>
      <div class={'tune' + (shown ? '' : ' gone') + (through ? ' light' : '')}>
        {through ? null : <div class="backdrop"><Art id={channel.id} kind={channel.kind} title="" /></div>}
        {tuning ? <span class="spinner" /> : null}
        {asks ? (
          <button class="big" data-nav aria-label={t('play')} onClick={props.toggle}><Icon name="play" /></button>
        ) : null}
        {failed ? <span class="sign"><Icon name="info" /></span> : null}
        <p class="words" dir="auto">{text}{tuning && !/[.?…]$/.test(text) ? '…' : ''}</p>
        {failed ? <button class="button main" data-nav onClick={props.toggle}>{t('again')}</button> : null}
        {tuning && !view.started ? (
          <ol class="steps" aria-hidden="true">
            {steps.map((key, i) => <li key={key} class={i < step(session) ? 'done' : i === step(session) ? 'now' : ''}>{t(key)}</li>)}
          </ol>
        ) : null}
      </div>
      <p class="hidden" role="status" aria-live="polite">{shown ? text : t('playing')}</p>
    </>
  );
}

/** Seconds of a film that an arrow key goes. */
const arrowSeconds = 10;

interface StageActions {
  digit: (digit: string) => void;
  guide: () => void;
  toggle: () => void;
  full: () => void;
  mute: () => void;
  seek: (by: number) => boolean;
  zap: (by: number) => void;
}

function useStageKeys(act: StageActions): void {
  const current = useRef(act);
  current.current = act;
  useEffect(() => {
    const onKey = (e: KeyboardEvent): void => {
      if (isTyping(e) || e.ctrlKey || e.altKey || e.metaKey) return;
      const button = (e.target as HTMLElement).closest('button, a') !== null;
      if (e.key === ' ' && !button) current.current.toggle();
      else if (digitOf(e.key)) current.current.digit(digitOf(e.key));
      else if (e.key === 'g' || e.key === 'G' || e.key === 'Guide') current.current.guide();
      else if (e.key === 'f' || e.key === 'F') current.current.full();
      else if (e.key === 'm' || e.key === 'M') current.current.mute();
      else if (e.key === 'PageUp' || e.key === 'ChannelUp') current.current.zap(1);
      else if (e.key === 'PageDown' || e.key === 'ChannelDown') current.current.zap(-1);
      // Among buttons and tiles the arrows move the focus.
      else if (e.key === 'ArrowRight' && !button && current.current.seek(arrowSeconds)) e.stopPropagation();
      else if (e.key === 'ArrowLeft' && !button && current.current.seek(-arrowSeconds)) e.stopPropagation();
      else return;
      e.preventDefault();
    };
    addEventListener('keydown', onKey, true);
    return () => removeEventListener('keydown', onKey, true);
  }, []);
}

/** Goes to the channel or film before or after this one of its kind. */
function zap(channels: Channel[], channel: Channel, by: number): void {
  const list = channels.filter((c) => c.kind === channel.kind);
  const at = list.findIndex((c) => c.id === channel.id);
  const next = list[(at + by + list.length) % list.length];
  if (next && next.id !== channel.id) watch(next.id);
}

function Others(props: { channel: Channel; gateway: Gateway }) {
  const others = (props.gateway.channels || []).filter((c) => c.id !== props.channel.id);
  if (!others.length) return null;
  return (
    <section class="page others">
      <h2>{t('more')}</h2>
      <ul class="grid small">
        {others.slice(0, 12).map((c) => (
          <li key={c.id}><Tile channel={c} session={props.gateway.sessions.find((s) => s.channel === c.id)} /></li>
        ))}
      </ul>
    </section>
  );
}

function Missing() {
  return (
    <main class="page">
      <div class="empty">
        <h1>{t('notFound')}</h1>
        <p>{t('notFoundText')}</p>
        <button class="button main" data-nav onClick={leave}>{t('toGrid')}</button>
      </div>
    </main>
  );
}
