// Adding: a pasted link, a list, the address of a list, a file or a camera's code; what it names
// is shown before anything is joined.

import { useEffect, useRef, useState } from 'preact/hooks';
import { addChannel, fetchPreview, type Preview } from './api';
import { Dialog } from './dialogs';
import { clock, count, number, rate, size, t } from './i18n';
import { Icon } from './icons';
import { refresh } from './store';
import { toast } from './toast';

const pauseMs = 250;

interface Detector {
  detect(from: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}
const Codes = (window as unknown as { BarcodeDetector?: new (options: object) => Detector }).BarcodeDetector;

export function AddDialog(props: { close: () => void }) {
  const [text, setText] = useState('');
  const [preview, setPreview] = useState<Preview | null>(null);
  const [left, leaveOut] = useState<{ [id: string]: boolean }>({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const [camera, setCamera] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  useEffect(() => {
    setPreview(null);
    if (!text.trim()) return undefined;
    let gone = false;
    const timer = setTimeout(() => {
      fetchPreview(text).then((p) => gone || setPreview(p), (e: Error) => gone || setError(e.message));
    }, pauseMs);
    return () => { gone = true; clearTimeout(timer); };
  }, [text]);
  const chosen = (preview?.found || []).filter((one) => !one.known && !left[one.id]);
  const submit = async (e: Event): Promise<void> => {
    e.preventDefault();
    if (busy || !chosen.length) return;
    setBusy(true);
    try {
      for (const one of chosen) await addChannel(one.link);
      toast(chosen.length === 1 ? t('added', { title: (chosen[0] as { title: string }).title }) : count('addedN', chosen.length));
      void refresh();
      props.close();
    } catch (reason) {
      setError((reason as Error).message);
      setBusy(false);
      void refresh();
    }
  };
  const change = (next: string): void => { setError(''); setText(next); };
  const onKey = (e: KeyboardEvent): void => {
    if (e.key === 'Enter' && !e.shiftKey && !e.isComposing && chosen.length) void submit(e);
  };
  return (
    <Dialog title={t('addTitle')} close={props.close}>
      <form onSubmit={submit}>
        <p id="add-text">{t('addText')}</p>
        <textarea aria-label={t('link')} aria-describedby="add-text" rows={3} dir="ltr" spellcheck={false} value={text}
          onInput={(e) => change(e.currentTarget.value)} onKeyDown={onKey} />
        <div class="row">
          <button class="button" type="button" onClick={() => file.current?.click()}><Icon name="list" /><span>{t('file')}</span></button>
          {Codes && navigator.mediaDevices ? <button class="button" type="button" onClick={() => setCamera(!camera)}><Icon name="phone" /><span>{t('camera')}</span></button> : null}
          <input ref={file} type="file" hidden accept=".m3u,.m3u8,.txt" aria-label={t('file')} onChange={(e) => void e.currentTarget.files?.[0]?.text().then(change)} />
        </div>
        {camera ? <Camera found={(code) => { setCamera(false); change(code); }} /> : null}
        <ul class="found">
          {(preview?.found || []).map((one) => (
            <li key={one.id}>
              <label>
                <input type="checkbox" disabled={one.known} checked={!one.known && !left[one.id]}
                  onChange={(e) => { const out = !e.currentTarget.checked; leaveOut((old) => ({ ...old, [one.id]: out })); }} />
                <span>
                  <strong><bdi>{one.title}</bdi></strong>
                  <small>{[t(one.kind), one.group, one.duration_s ? clock(one.duration_s) : '', one.length ? size(one.length) : '', one.rate_bps ? rate(one.rate_bps) : '',
                    one.closed ? t('members') : '', one.known ? t('known') : one.trackers.join(', ')].filter(Boolean).join(' · ')}</small>
                </span>
              </label>
            </li>
          ))}
        </ul>
        <p class="error" role="alert" dir="auto">{error || (preview ? preview.problem : '')}</p>
        <button class="button main" disabled={busy || !chosen.length}>{busy ? t('adding') + '…' : chosen.length > 1 ? t('addN', { n: number(chosen.length) }) : t('add')}</button>
      </form>
    </Dialog>
  );
}

/** The camera's picture until it shows a code. */
function Camera(props: { found: (text: string) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let stream: MediaStream | null = null;
    let timer = 0;
    const detector = Codes && new Codes({ formats: ['qr_code'] });
    navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } }).then((got) => {
      stream = got;
      if (!video.current || !detector) return;
      video.current.srcObject = got;
      void video.current.play();
      timer = window.setInterval(() => {
        if (video.current) void detector.detect(video.current).then((codes) => codes[0] && props.found(codes[0].rawValue), () => undefined);
      }, 300);
    }, () => toast(t('noCamera')));
    return () => {
      clearInterval(timer);
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, []);
  return <video class="camera" ref={video} playsInline muted />;
}
