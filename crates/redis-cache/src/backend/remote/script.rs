//! What must be done in one step, as scripts that run within the server.
//!
//! In a cluster all keys of a call are of one slot. They go in full each time: a script that is called by its name must be
//! sent again when the server has forgotten it, and meanwhile a later write of the same key would overtake it.

use crate::transport::Command;
use bytes::Bytes;

/// None of them counts its arguments.
pub(super) struct Script(&'static str);

impl Script {
    pub(super) fn command(&self, keys: &[Bytes], args: &[Bytes]) -> Command {
        eval(Bytes::from_static(self.0.as_bytes()), keys, args.to_vec())
    }

    /// And tells a channel of the first `changed` keys.
    pub(super) fn publishing(
        &self,
        keys: &[Bytes],
        args: &[Bytes],
        channel: &Bytes,
        changed: usize,
    ) -> Command {
        let source = [
            "local function change() ",
            self.0,
            " end
local done = change()
for i = 1, tonumber(ARGV[#ARGV]) do redis.call('PUBLISH', ARGV[#ARGV - 1], KEYS[i]) end
return done",
        ];
        let mut args = args.to_vec();
        args.extend([channel.clone(), changed.to_string().into()]);
        eval(source.concat().into(), keys, args)
    }
}

fn eval(source: Bytes, keys: &[Bytes], args: Vec<Bytes>) -> Command {
    let count = Bytes::from(keys.len().to_string());
    let all = [source, count].into_iter().chain(keys.iter().cloned()).chain(args);
    Command::new("EVAL", all).with_key_at(2)
}

/// Keys, then the leases beside them; a value and its milliseconds for each key.
pub(super) static PUT: Script = Script(
    "local call, n = redis.call, #KEYS / 2
for i = 1, n do call('SET', KEYS[i], ARGV[2 * i - 1], 'PX', ARGV[2 * i]) end
return redis.call('DEL', unpack(KEYS, n + 1))",
);

/// Keys, then the leases beside them.
pub(super) static REMOVE: Script = Script(
    "local n = #KEYS / 2
local gone = {}
for i = 1, n do gone[i] = redis.call('UNLINK', KEYS[i]) end
redis.call('DEL', unpack(KEYS, n + 1))
return gone",
);

/// A key and its lease; token, milliseconds, and 1 to steal it. A call that is sent twice is answered alike. What is no text
/// or has no end is nobody's lease.
pub(super) static LEASE: Script = Script(
    "local ours = ARGV[3] ~= '1' and redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
if not ours then
  local holder = redis.pcall('GET', KEYS[2])
  ours = holder == ARGV[1]
  if ARGV[3] == '1' or type(holder) ~= 'string' or redis.call('PTTL', KEYS[2]) < 0 then
    ours = redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
  end
end
return { redis.pcall('GET', KEYS[1]), ours and 1 or 0 }",
);

/// A lease; token and milliseconds.
pub(super) static RENEW: Script = Script(
    "if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])",
);

/// A lease; its token.
pub(super) static RELEASE: Script = Script(
    "if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])",
);

/// A key and its lease; token, value and milliseconds.
pub(super) static FILL: Script = Script(
    "if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1",
);

/// Keys of versions; a new version, and the milliseconds that they must live, 0 for ever. What is no number from 1 to the
/// greatest of 64 bits is no version, and makes way for one.
pub(super) static MAKE_VERSIONS: Script = Script(
    "local must = tonumber(ARGV[2])
local versions = {}
for i, key in ipairs(KEYS) do
  local version = redis.pcall('GET', key)
  if type(version) ~= 'string' or not version:find('^[1-9]%d*$') or #version > 20
      or #version == 20 and version > '18446744073709551615' then
    version = ARGV[1]
    if must == 0 then redis.call('SET', key, version)
    else redis.call('SET', key, version, 'PX', 2 * must) end
  elseif must > 0 then
    local left = redis.call('PTTL', key)
    if left >= 0 and left < must then redis.call('PEXPIRE', key, 2 * must) end
  end
  versions[i] = version
end
return versions",
);

/// A key; seconds for which nobody must have asked for it.
pub(super) static UNLINK_IDLE: Script = Script(
    "local idle = redis.call('OBJECT', 'IDLETIME', KEYS[1])
if not idle or idle < tonumber(ARGV[1]) then return 0 end
return redis.call('UNLINK', KEYS[1])",
);

/// A key of a version; another one. Where there is none, nothing stands that has been seen with it.
pub(super) static BUMP: Script = Script("return redis.call('SET', KEYS[1], ARGV[1], 'XX', 'KEEPTTL')");

/// Keys.
pub(super) static UNLINK: Script = Script(
    "local gone = 0
for i = 1, #KEYS do gone = gone + redis.call('UNLINK', KEYS[i]) end
return gone",
);
