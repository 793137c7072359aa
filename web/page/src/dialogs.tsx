// The dialogs: what all of them are, the keys, and the password.

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { signIn } from './api';
import { number, t } from './i18n';
import { Icon } from './icons';
import { isBack, moveFocus } from './keys';

/** A window above the page; Esc and the back keys of TVs close it. */
export function Dialog(props: { title: string; close: () => void; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => { // before it is painted, as keys already count
    const before = document.activeElement as HTMLElement | null;
    const dialog = element.current;
    if (dialog?.showModal) dialog.showModal();
    else dialog?.setAttribute('open', '');
    dialog?.querySelector<HTMLElement>('textarea, .field input')?.focus(); // what there is to fill in, rather than Close
    return () => before?.focus();
  }, []);
  const outside = (e: MouseEvent): void => {
    if (e.target === element.current) props.close();
  };
  const onKey = (e: KeyboardEvent): void => {
    if (e.defaultPrevented || (e.target as HTMLElement).closest('input, textarea')) return;
    if (isBack(e) && e.key !== 'Escape') props.close();
    else if (moveFocus(e.key)) e.preventDefault();
  };
  return (
    <dialog ref={element} aria-label={props.title} onClose={props.close} onMouseDown={outside} onKeyDown={onKey}>
      <div class="dialog">
        <div class="dialog-head">
          <h2>{props.title}</h2>
          <button class="icon-button" data-nav aria-label={t('close')} onClick={props.close}><Icon name="close" /></button>
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
    [`${number(0)}–${number(9)}`, t('keyDigits')],
    ['G', t('guide')],
    ['?', t('keyHelp')],
  ];
  return (
    <Dialog title={t('help')} close={props.close}>
      <dl class="keys">
        {rows.map(([key, what]) => <div key={key}><dt><kbd><bdi dir={/[←↑]/.test(key) ? 'ltr' : undefined}>{key}</bdi></kbd></dt><dd>{what}</dd></div>)}
      </dl>
    </Dialog>
  );
}

/** Asks for the household's password. */
export function SignInDialog(props: { done: () => void; close: () => void }) {
  const [password, setPassword] = useState('');
  const [error, setError] = useState('');
  const submit = (e: Event): void => {
    e.preventDefault();
    signIn(password).then(props.done, (reason: Error) => setError(reason.message));
  };
  return (
    <Dialog title={t('signIn')} close={props.close}>
      <form onSubmit={submit}>
        <label class="field"><span>{t('password')}</span>
          <input type="password" autoComplete="current-password" required value={password} onInput={(e) => setPassword(e.currentTarget.value)} />
        </label>
        <p class="error" role="alert" dir="auto">{error}</p>
        <button class="button main">{t('signIn')}</button>
      </form>
    </Dialog>
  );
}
