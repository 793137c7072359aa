// The button that sends a channel or film to a TV, and the list to choose one from.

import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Channel, Renderer } from './api';
import { Dialog } from './dialogs';
import { t } from './i18n';
import { Icon } from './icons';
import { doing, order } from './screens';
import { useGateway } from './store';
import { toast } from './toast';

export function SendButton(props: { channel: Channel; sent: () => void }) {
  const { device, renderers } = useGateway();
  const [open, setOpen] = useState(false);
  if (!device || !device.name) return null; // no media server, nobody could fetch from it
  const at = renderers.find((r) => r.channel === props.channel.id);
  return (
    <>
      <button class={at ? 'button' : 'button main'} data-nav aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <Icon name="cast" />
        <span>{t('playOnTV')}</span>
      </button>
      {open ? <SendDialog channel={props.channel} close={() => setOpen(false)} sent={props.sent} /> : null}
    </>
  );
}

function SendDialog(props: { channel: Channel; close: () => void; sent: () => void }) {
  const { renderers, channels } = useGateway();
  const [busy, setBusy] = useState('');
  const list = useRef<HTMLUListElement>(null);
  const any = renderers.length > 0;
  useLayoutEffect(() => list.current?.querySelector('button')?.focus(), [any]);
  const send = async (to: Renderer): Promise<void> => {
    if (busy) return;
    setBusy(to.id);
    const done = await order(to, 'play', { channel: props.channel.id });
    setBusy('');
    if (!done) return;
    toast(t('tvSent', { title: props.channel.title, name: to.name }));
    props.sent();
    props.close();
  };
  const move = (e: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    const buttons = Array.from(list.current?.querySelectorAll('button') || []);
    const next = buttons[buttons.indexOf(document.activeElement as HTMLButtonElement) + (by || 0)];
    if (!by || !next) return;
    e.preventDefault();
    next.focus();
  };
  const title = (id: string): string => channels?.find((c) => c.id === id)?.title || '';
  return (
    <Dialog title={t('tvTitle')} close={props.close}>
      <p><bdi>{props.channel.title}</bdi></p>
      {any ? (
        <ul class="screens" ref={list} onKeyDown={move}>
          {renderers.map((r) => (
            <li key={r.id}>
              <button class="screen" aria-busy={busy === r.id} onClick={() => void send(r)}>
                {busy === r.id ? <span class="spinner" /> : <Icon name="tv" />}
                <span class="screen-name">
                  <strong><bdi>{r.name}</bdi></strong>
                  <small>{[r.model, doing(r, title(r.channel))].filter(Boolean).join(' · ')}</small>
                </span>
              </button>
            </li>
          ))}
        </ul>
      ) : (
        <div class="searching" role="status">
          <span class="spinner" />
          <p>{t('tvNone')}</p>
        </div>
      )}
    </Dialog>
  );
}
