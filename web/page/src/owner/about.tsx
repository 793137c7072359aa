// What this is: version, terms, and what of others' it is made of.

import { about, base } from '../api';
import { number } from '../i18n';
import { scrollByArrow } from './scroll';
import software from './software.json';
import { t } from './words';

export function About() {
  return (
    <>
      <h1>Swarmgate {about.version}</h1>
      <p class="soft">{t('aboutText')}</p>
      <p class="row">
        <a class="button" data-nav href={base + 'licences.txt'}>{t('licenceTexts')}</a>
        <a class="button" data-nav href={base + 'api/v1/openapi.json'}>{t('apiDescription')}</a>
      </p>
      <section>
        <h2 id="made-of">{t('madeOf')}<small>{number(software.length)}</small></h2>
        <div class="card software" tabIndex={0} data-nav role="region" aria-labelledby="made-of" onKeyDown={scrollByArrow}>
          <table>
            <thead><tr><th scope="col">{t('part')}</th><th scope="col">{t('version')}</th><th scope="col">{t('licence')}</th></tr></thead>
            <tbody>
              {software.map(([name, version, licence]) => <tr key={name}><th scope="row"><bdi>{name}</bdi></th><td><bdi>{version}</bdi></td><td><bdi>{licence === 'NOASSERTION' ? t('noLicence') : licence}</bdi></td></tr>)}
            </tbody>
          </table>
        </div>
      </section>
    </>
  );
}
