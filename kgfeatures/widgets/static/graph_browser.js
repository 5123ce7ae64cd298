// @ts-check
/**
 * Draws what kgfeatures.widgets.GraphBrowser shows and tells it what was asked. Text from the
 * database enters the page as text nodes alone. In the table the arrow keys move, Enter walks on.
 */

/** @typedef {{type: string, key: string, label: string, degree?: number}} IEntity */
/** @typedef {{relation: string, direction: string, count: number}} IRelation */
/** @typedef {{relation: string, direction: string, type: string, key: string, label: string, since: string | null, source: string | null}} ITriple */
/** @typedef {{source: string, method: string | null, confidence: number | null, observed_at: string | null, text: string | null}} IEvidence */
/** @typedef {{entity: (IEntity & {relations: IRelation[]}) | null, relation: string | null, direction: string | null, triples: ITriple[], more: boolean, chosen: number | null, evidence: IEvidence[], found: IEntity[], types: string[], text: string, type: string | null, passed: number, sql: string, failure: string | null}} IShown */
/** @typedef {{get(name: string): any, on(event: string, heard: (message: any) => void): void, off(event: string, heard: (message: any) => void): void, send(message: object): void}} IModel */

const PAUSE = 250;
const PATIENCE = 10000;
let widgets = 0;

/**
 * An element with properties or attributes and children; strings become text.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [given]
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
function make(tag, given = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name in node) {
      Object.assign(node, { [name]: value });
    } else {
      node.setAttribute(name, String(value));
    }
  }
  node.append(...children.filter(child => child !== null));
  return node;
}

/** What stands in the page from the beginning to the end. @param {string} id */
function skeleton(id) {
  const nodes = {
    backButton: make('button', { className: 'kgf-gb-button' }),
    title: make('div', {
      className: 'kgf-gb-title',
      tabIndex: -1,
      role: 'heading',
      'aria-level': 2
    }),
    search: make('input', {
      type: 'search',
      role: 'combobox',
      autocomplete: 'off',
      'aria-controls': `${id}-found`
    }),
    types: make('select'),
    found: make('ul', {
      id: `${id}-found`,
      className: 'kgf-gb-found',
      role: 'listbox'
    }),
    relations: make('select'),
    relationLabel: make('span'),
    status: make('span', { className: 'kgf-gb-status', role: 'status' }),
    failure: make('p', {
      className: 'kgf-gb-failure',
      role: 'alert',
      hidden: true
    }),
    hint: make('p', { className: 'kgf-gb-hint' }),
    table: make('table'),
    moreButton: make('button', { className: 'kgf-gb-button' }),
    evidence: make('section', {
      className: 'kgf-gb-evidence',
      'aria-live': 'polite'
    }),
    sqlLabel: make('summary'),
    sql: make('pre', { tabIndex: 0 })
  };
  const { search, types, found, relations, relationLabel, status, table } = nodes;
  const find = make('div', { className: 'kgf-gb-find' }, search, types, found);
  const filter = make('label', {}, relationLabel, ' ', relations);
  return {
    ...nodes,
    find,
    head: make(
      'div',
      { className: 'kgf-gb-head' },
      nodes.backButton,
      nodes.title,
      find
    ),
    bar: make('div', { className: 'kgf-gb-bar' }, filter, status),
    rows: make('div', { className: 'kgf-gb-rows' }, table, nodes.moreButton),
    details: make('details', {}, nodes.sqlLabel, nodes.sql)
  };
}

class View {
  /** @param {IModel} model @param {HTMLElement} el */
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.id = `kgf-browser-${(widgets += 1)}`;
    this.asked = 0;
    this.row = 0;
    this.column = 0;
    this.marked = 0;
    /** Whether the list of entities found is open. */
    this.listed = false;
    /** Whether the entity that comes next was opened by keys: they go on from its name. */
    this.arriving = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.pause = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.patience = undefined;
    this.nodes = skeleton(this.id);
    const { head, bar, failure, hint, rows, evidence, details } = this.nodes;
    el.classList.add('kgf-gb');
    el.setAttribute('role', 'region');
    el.append(head, bar, failure, hint, rows, evidence, details);
    this.wire();
    this.redraw = () => this.draw();
    /** @param {{done?: number}} message */
    this.heard = message => message.done === this.asked && this.settled();
    model.on('change:shown', this.redraw);
    model.on('change:words', this.redraw);
    model.on('msg:custom', this.heard);
    this.draw();
    // JupyterLab answers a widget while a cell runs only after its first message.
    this.ask('hello', { language: document.documentElement.lang });
  }

  dispose() {
    clearTimeout(this.pause);
    clearTimeout(this.patience);
    this.model.off('change:shown', this.redraw);
    this.model.off('change:words', this.redraw);
    this.model.off('msg:custom', this.heard);
  }

  /** @returns {IShown} */
  get shown() {
    return this.model.get('shown');
  }

  /** A text in the reader's language, values in the places of %1. @param {string} text @param {...string} values */
  say(text, ...values) {
    const said = this.model.get('words')[text] ?? text;
    return said.replace(
      /%(\d)/g,
      (/** @type {string} */ _, /** @type {string} */ place) =>
        values[Number(place) - 1] ?? ''
    );
  }

  /** @param {string} what @param {object} rest */
  ask(what, rest = {}) {
    this.asked += 1;
    this.model.send({ ask: what, id: this.asked, ...rest });
    clearTimeout(this.patience);
    this.patience = setTimeout(
      () => this.tell('The kernel does not answer; run the cell again.'),
      PATIENCE
    );
    if (what !== 'hello') {
      this.tell('Loading…');
    }
  }

  settled() {
    clearTimeout(this.patience);
    this.drawStatus();
  }

  /** @param {string} text */
  tell(text) {
    this.nodes.status.textContent = this.say(text);
  }

  wire() {
    const { nodes } = this;
    nodes.backButton.onclick = () => this.ask('back');
    nodes.moreButton.onclick = () => this.ask('more');
    nodes.search.oninput = () => this.look();
    nodes.search.onfocus = () => this.list(nodes.search.value !== '');
    nodes.search.onkeydown = event => this.onSearchKey(event);
    nodes.types.onchange = () => this.look(0);
    nodes.relations.onchange = () => this.choose();
    nodes.title.onkeydown = event => {
      if (event.key === 'ArrowDown') {
        this.focus(0, 0);
        event.preventDefault();
      }
    };
    nodes.table.onkeydown = event => this.onTableKey(event);
    nodes.find.addEventListener('focusout', event => {
      const to = event.relatedTarget;
      if (!(to instanceof Node && nodes.find.contains(to))) {
        this.list(false);
      }
    });
    // A notebook's own keys, such as the arrows, would leave the cell.
    this.el.addEventListener('keydown', event => {
      if (!event.ctrlKey && !event.metaKey && event.key !== 'Tab') {
        event.stopPropagation();
      }
    });
  }

  draw() {
    const { shown } = this;
    const inTable = this.nodes.table.contains(document.activeElement);
    this.drawWords();
    this.drawHead(shown);
    this.drawFound(shown);
    this.drawRelations(shown);
    this.drawTriples(shown, inTable);
    this.drawEvidence(shown);
    this.drawStatus();
    this.nodes.failure.textContent = shown.failure ?? '';
    this.nodes.failure.hidden = !shown.failure;
    this.nodes.hint.textContent = this.say(
      'Search an entity and open it to see its relations.'
    );
    this.nodes.hint.hidden = shown.entity !== null;
    this.nodes.bar.hidden = this.nodes.details.hidden = shown.entity === null;
    this.nodes.sql.textContent = shown.sql;
  }

  drawWords() {
    this.el.setAttribute('aria-label', this.say('Graph browser'));
    this.nodes.search.placeholder = this.say('Search names and keys');
    this.nodes.search.setAttribute('aria-label', this.say('Search entities'));
    this.nodes.types.setAttribute('aria-label', this.say('Entity type'));
    this.nodes.found.setAttribute('aria-label', this.say('Entities found'));
    this.nodes.relationLabel.textContent = this.say('Relation');
    this.nodes.moreButton.textContent = this.say('Show more');
    this.nodes.sqlLabel.textContent = this.say('SQL of what is shown');
    this.nodes.sql.setAttribute('aria-label', 'SQL');
    this.nodes.backButton.textContent = `← ${this.say('Back')}`;
  }

  /** @param {IShown} shown */
  drawHead({ entity, passed, types, type }) {
    this.nodes.backButton.disabled = passed === 0;
    this.nodes.backButton.hidden = this.nodes.title.hidden = entity === null;
    this.nodes.title.replaceChildren(...(entity ? named(entity) : []));
    this.nodes.title.title = entity?.label ?? '';
    this.el.classList.toggle('kgf-gb-mod-empty', entity === null);
    if (entity && this.arriving) {
      this.arriving = false;
      this.nodes.title.focus();
    }
    const options = types.map(one => make('option', { value: one }, one));
    this.nodes.types.replaceChildren(
      make('option', { value: '' }, this.say('All types')),
      ...options
    );
    this.nodes.types.value = type ?? '';
    if (document.activeElement !== this.nodes.search && !this.listed) {
      this.nodes.search.value = '';
    }
  }

  /** @param {IShown} shown */
  drawFound({ found, entity }) {
    // Without an entity the list is all that there is.
    const open = this.listed || entity === null;
    this.marked = Math.max(0, Math.min(this.marked, found.length - 1));
    const rows = found.map((one, index) =>
      make(
        'li',
        {
          id: `${this.id}-found-${index}`,
          role: 'option',
          'aria-selected': index === this.marked,
          onmousedown: (/** @type {MouseEvent} */ event) => event.preventDefault(),
          onclick: () => this.open(one)
        },
        ...named(one)
      )
    );
    this.nodes.found.replaceChildren(
      ...(rows.length
        ? rows
        : [make('li', { className: 'kgf-gb-note' }, this.say('Nothing found.'))])
    );
    this.nodes.found.hidden = !open;
    this.nodes.found.classList.toggle('kgf-gb-mod-floating', entity !== null);
    this.nodes.search.setAttribute('aria-expanded', String(open));
    if (open && rows.length) {
      this.nodes.search.setAttribute(
        'aria-activedescendant',
        `${this.id}-found-${this.marked}`
      );
    } else {
      this.nodes.search.removeAttribute('aria-activedescendant');
    }
  }

  /** @param {IShown} shown */
  drawRelations({ entity, relation, direction }) {
    const relations = entity?.relations ?? [];
    const options = relations.map(one =>
      make(
        'option',
        { value: `${one.direction} ${one.relation}` },
        `${arrow(one.direction)} ${one.relation} (${this.count(one.count)})`
      )
    );
    const total = relations.reduce((sum, one) => sum + one.count, 0);
    const all = `${this.say('All relations')} (${this.count(total)})`;
    this.nodes.relations.replaceChildren(
      make('option', { value: '' }, all),
      ...options
    );
    this.nodes.relations.value = relation === null ? '' : `${direction} ${relation}`;
  }

  /** @param {IShown} shown @param {boolean} focus */
  drawTriples({ entity, triples, more, chosen }, focus) {
    this.row = Math.max(0, Math.min(chosen ?? this.row, triples.length - 1));
    const head = ['Relation', 'Type', 'Name', 'Key', 'Since', 'Evidence'].map(text =>
      make('th', { scope: 'col' }, this.say(text))
    );
    const rows = triples.map((triple, index) =>
      this.tripleRow(triple, index, index === chosen)
    );
    this.nodes.table.replaceChildren(
      make(
        'caption',
        { className: 'kgf-gb-unseen' },
        this.say('Triples of this entity')
      ),
      make('thead', {}, make('tr', {}, ...head)),
      make('tbody', {}, ...rows)
    );
    this.nodes.table.hidden = entity === null;
    this.nodes.moreButton.hidden = !more;
    if (focus) {
      this.focus(this.row, this.column);
    }
  }

  /** @param {ITriple} triple @param {number} index @param {boolean} chosen */
  tripleRow(triple, index, chosen) {
    const { relation, direction, type, key, label, since, source } = triple;
    const out = direction === 'out';
    const tabIndex = index === this.row ? 0 : -1;
    const go = make(
      'button',
      { className: 'kgf-gb-link', tabIndex, onclick: () => this.open(triple) },
      label
    );
    const why = make(
      'button',
      {
        className: 'kgf-gb-link',
        tabIndex,
        'aria-pressed': chosen,
        onclick: () => this.explain(index)
      },
      source ?? this.say('Show')
    );
    const named = this.say(out ? '%1, from here' : '%1, to here', relation);
    return make(
      'tr',
      chosen ? { className: 'kgf-gb-mod-chosen' } : {},
      make('td', { 'aria-label': named }, `${arrow(direction)} ${relation}`),
      make('td', { className: 'kgf-gb-note' }, type),
      make('td', {}, go),
      make('td', {}, key === label ? '' : make('code', {}, key)),
      make('td', { className: 'kgf-gb-time' }, this.time(since)),
      make('td', {}, why)
    );
  }

  /** @param {IShown} shown */
  drawEvidence({ chosen, evidence, triples }) {
    const triple = chosen === null ? undefined : triples[chosen];
    this.nodes.evidence.hidden = triple === undefined;
    if (triple === undefined) {
      this.nodes.evidence.replaceChildren();
      return;
    }
    const title = make(
      'div',
      { className: 'kgf-gb-subtitle', role: 'heading', 'aria-level': 3 },
      this.say('Where this triple comes from')
    );
    if (evidence.length === 0) {
      const said = triple.source
        ? this.say('It is read from the rows of %1 themselves.', triple.source)
        : this.say('No source is recorded for it.');
      this.nodes.evidence.replaceChildren(title, make('p', {}, said));
      return;
    }
    const head = ['Source', 'Method', 'Confidence', 'Observed at', 'Text'].map(text =>
      make('th', { scope: 'col' }, this.say(text))
    );
    const rows = evidence.map(one =>
      make(
        'tr',
        {},
        make('td', {}, one.source),
        make('td', {}, one.method ?? '–'),
        make(
          'td',
          {},
          one.confidence === null
            ? '–'
            : this.format({ style: 'percent' }, one.confidence)
        ),
        make('td', { className: 'kgf-gb-time' }, this.time(one.observed_at)),
        make('td', { className: 'kgf-gb-text' }, one.text ?? '')
      )
    );
    this.nodes.evidence.replaceChildren(
      title,
      make(
        'table',
        {},
        make('thead', {}, make('tr', {}, ...head)),
        make('tbody', {}, ...rows)
      )
    );
  }

  drawStatus() {
    const { entity, triples } = this.shown;
    this.nodes.status.textContent = entity
      ? this.say('Triples shown: %1', this.count(triples.length))
      : '';
  }

  /** Search after a pause in typing. */
  look(pause = PAUSE) {
    this.marked = 0;
    this.listed = true;
    clearTimeout(this.pause);
    this.pause = setTimeout(
      () =>
        this.ask('search', {
          text: this.nodes.search.value.trim(),
          type: this.nodes.types.value
        }),
      pause
    );
  }

  /** @param {boolean} open */
  list(open) {
    this.listed = open;
    this.drawFound(this.shown);
  }

  /** Walk to an entity. @param {IEntity | ITriple} entity */
  open({ type, key }) {
    clearTimeout(this.pause);
    this.row = this.column = 0;
    this.nodes.search.value = '';
    this.list(false);
    this.ask('go', { type, key });
  }

  choose() {
    const [direction = 'both', ...relation] = this.nodes.relations.value.split(' ');
    this.row = 0;
    this.ask('filter', {
      relation: relation.join(' '),
      direction: relation.length ? direction : 'both'
    });
  }

  /** @param {number} row */
  explain(row) {
    this.row = row;
    this.column = 1;
    this.ask('explain', { row });
  }

  /** @param {KeyboardEvent} event */
  onSearchKey(event) {
    const { found } = this.shown;
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step) {
      this.marked = Math.max(0, Math.min(this.marked + step, found.length - 1));
      this.list(true);
      this.nodes.found.children[this.marked]?.scrollIntoView({
        block: 'nearest'
      });
      event.preventDefault();
    } else if (event.key === 'Enter' && !event.isComposing) {
      const one = found[this.marked];
      if (one && !this.nodes.found.hidden) {
        this.arriving = true;
        this.open(one);
      }
    } else if (event.key === 'Escape') {
      this.nodes.search.value = '';
      this.list(false);
    }
  }

  /** @param {KeyboardEvent} event */
  onTableKey(event) {
    const last = this.shown.triples.length - 1;
    /** @type {Record<string, [number, number]>} */
    const moves = {
      ArrowDown: [this.row + 1, this.column],
      ArrowUp: [this.row - 1, this.column],
      ArrowRight: [this.row, 1],
      ArrowLeft: [this.row, 0],
      Home: [0, this.column],
      End: [last, this.column]
    };
    const to = moves[event.key];
    if (to) {
      this.focus(Math.max(0, Math.min(to[0], last)), to[1]);
      event.preventDefault();
    } else if (event.key === 'Backspace' && this.shown.passed > 0) {
      this.ask('back');
      event.preventDefault();
    }
  }

  /** Focus the link of a row: 0 the entity, 1 the evidence. @param {number} row @param {number} column */
  focus(row, column) {
    const rows = [...this.nodes.table.querySelectorAll('tbody tr')];
    rows[this.row]
      ?.querySelectorAll('button')
      .forEach(button => (button.tabIndex = -1));
    const buttons = rows[row]?.querySelectorAll('button');
    buttons?.forEach(button => (button.tabIndex = 0));
    this.row = row;
    this.column = column;
    const target = buttons?.[column] ?? this.nodes.title;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  get locale() {
    const tag = document.documentElement.lang.replace('_', '-');
    return tag === '' || tag === 'default' ? 'en' : tag;
  }

  /** @param {number} value */
  count(value) {
    return this.format({}, value);
  }

  /** @param {Intl.NumberFormatOptions} options @param {number} value */
  format(options, value) {
    return value.toLocaleString(this.locale, options);
  }

  /** @param {string | null} iso */
  time(iso) {
    return iso === null
      ? '–'
      : new Date(iso).toLocaleString(this.locale, {
          dateStyle: 'medium',
          timeStyle: 'short'
        });
  }
}

/** @param {string} direction */
function arrow(direction) {
  return direction === 'out' ? '→' : '←';
}

/** @param {IEntity} entity */
function named({ type, key, label }) {
  return [
    make('span', { className: 'kgf-gb-note' }, type),
    ' ',
    make('span', { className: 'kgf-gb-name' }, label),
    ' ',
    label === key ? '' : make('code', {}, key)
  ];
}

/** @param {{model: IModel, el: HTMLElement}} given */
function render({ model, el }) {
  const view = new View(model, el);
  return () => view.dispose();
}

export default { render };
