/** Says what is wrong in the server's words and tries again, by itself too. */
import * as React from 'react';

import { ServerError, sentence } from './api';
import type { IKGFeatures } from './tokens';

const RETRY = 5000;

export function Failure({
  error,
  retry,
  shared
}: {
  error: unknown;
  retry: () => unknown;
  shared: IKGFeatures;
}): React.JSX.Element {
  React.useEffect(() => {
    // What is wrong with the question stays wrong; a database that is down comes back.
    if (error instanceof ServerError && error.status < 500) {
      return;
    }
    const timer = setTimeout(retry, RETRY);
    return () => clearTimeout(timer);
  }, [error]);
  return (
    <div className="kgf-Failure" role="alert">
      <p>{words(error, shared)}</p>
      <button className="kgf-Button" onClick={() => retry()}>
        {shared.trans.__('Try again')}
      </button>
    </div>
  );
}

function words(error: unknown, { trans }: IKGFeatures): string {
  return error instanceof ServerError && error.foreign && error.status === 404
    ? trans.__('This Jupyter server does not run the server extension of kgfeatures.')
    : sentence(error);
}
