import { util } from '@aws-appsync/utils';

// The one resolver of every field: the context's function gets the whole context and answers
// `{data}` or `{error: {message, code, details}}`. What it raises is a fault of ours: the client
// learns that, and nothing of its message.
export function request(ctx) {
  return {
    operation: 'Invoke',
    payload: {
      arguments: ctx.arguments,
      identity: ctx.identity,
      source: ctx.source,
      request: ctx.request,
      info: ctx.info,
      prev: ctx.prev,
      stash: ctx.stash,
    },
  };
}

export function response(ctx) {
  if (ctx.error || !ctx.result) {
    util.error('The service could not answer. Try again later.', 'INTERNAL');
  }
  const refused = ctx.result.error;
  if (refused) {
    util.error(refused.message, refused.code, null, refused.details);
  }
  return ctx.result.data;
}
