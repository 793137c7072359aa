// The dialogs: keys, and adding a channel.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { addChannel } from './api';
import { t } from './i18n';
import { Icon } from './icons';
import { isBack } from './keys';
import { refresh } from './store';
import { toast } from './toast';

/** A window above the page; Esc and the back keys of TVs close it. */
export function Dialog(props: { title: string; close: () => void; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    const dialog = element.current;
    if (dialog?.showModal) dialog.showModal();
    else dialog?.setAttribute('open', '');
    dialog?.querySelector('textarea')?.focus(); // what there is to fill in, rather than Close
    return () => before?.focus();
  }, []);
  const outside = (e: MouseEvent): void => {
    if (e.target === element.current) props.close();
  };
  const back = (e: KeyboardEvent): void => {
    if (isBack(e) && e.key !== 'Escape' && !(e.target as HTMLElement).closest('input, textarea')) props.close();
  };
  return (
    <dialog ref={element} aria-label={props.title} onClose={props.close} onMouseDown={outside} onKeyDown={back}>
      <div class="dialog">
        <div class="dialog-head">
          <h2>{props.title}</h2>
          <button class="icon-button" aria-label={t('close')} onClick={props.close}><Icon name="close" /></button>
        </div>
        {props.children}
      </div>
    </dialog>
  );
}

export function HelpDialog(props: { close: () => void }) {
  const rows: [string, string][] = [
    [t('arrows'), t('keyMove')],
    [t('enter'), t('keyOpen')],
    ['Esc', t('keyBack')],
    [t('space'), t('keyPlay')],
    ['← →', t('keySeek')],
    ['M', t('keyMute')],
    ['F', t('keyFull')],
    [t('page'), t('keyZap')],
    ['?', t('keyHelp')],
  ];
  return (
    <Dialog title={t('help')} close={props.close}>
      <dl class="keys">
        {rows.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}
      </dl>
    </Dialog>
  );
}

export function AddDialog(props: { close: () => void }) {
  const [link, setLink] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const submit = async (e: Event): Promise<void> => {
    e.preventDefault();
    if (busy || !link.trim()) return;
    setBusy(true);
    setError('');
    try {
      const channel = await addChannel(link.trim());
      toast(t('added', { title: channel.title }));
      void refresh();
      props.close();
    } catch (reason) {
      setError((reason as Error).message);
      setBusy(false);
    }
  };
  const type = (text: string): void => {
    setLink(text);
    setError('');
  };
  const onKey = (e: KeyboardEvent): void => {
    if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) void submit(e); // a link has no line ends
  };
  return (
    <Dialog title={t('addTitle')} close={props.close}>
      <form onSubmit={submit}>
        <p id="add-text">{t('addText')}</p>
        <textarea aria-label={t('link')} aria-describedby="add-text" rows={4} required spellcheck={false} value={link}
          onInput={(e) => type(e.currentTarget.value)} onKeyDown={onKey} />
        <p class="error" role="alert">{error}</p>
        <button class="button main" disabled={busy || !link.trim()}>{busy ? t('adding') + '…' : t('add')}</button>
      </form>
    </Dialog>
  );
}
