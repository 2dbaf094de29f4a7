//! Whether a role may do it, asked before anything is done.

use super::grant_files;
use crate::{
    Error,
    sql::{Ident, Literal},
};
use tokio_postgres::Client;

pub(super) async fn check(client: &Client, names: &[&str]) -> Result<(), Error> {
    let sql = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4, current_user::pg_catalog.text,
        (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user),
        pg_catalog.has_function_privilege('pg_catalog.pg_reload_conf()', 'EXECUTE'),
        pg_catalog.has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE')
            AND pg_catalog.has_table_privilege('pg_catalog.pg_file_settings', 'SELECT')";
    let row = client.query_typed(sql, &[]).await.map_err(Error::statement)?;
    let row = row.first().ok_or_else(|| Error::row_count(0))?;
    let version: i32 = row.try_get(0).map_err(Error::statement)?;
    let name: String = row.try_get(1).map_err(Error::statement)?;
    let mut flags = [false; 3];
    for (nth, flag) in flags.iter_mut().enumerate() {
        *flag = row.try_get::<_, Option<bool>>(nth + 2).map_err(Error::statement)?.unwrap_or(false);
    }
    let [is_superuser, may_reload, may_read] = flags;
    if is_superuser {
        return Ok(());
    }
    let role = Ident(&name);
    if version < 150_000 {
        let doing = format!("ALTER SYSTEM as {role}");
        return Err(Error::denied(doing, "a superuser: before PostgreSQL 15 the right cannot be granted"));
    }
    let mut missing = Vec::new();
    let lacking = lacking(client, names).await?;
    if !lacking.is_empty() {
        missing.push(format!("GRANT ALTER SYSTEM ON PARAMETER {} TO {role}", lacking.join(", ")));
    }
    if !may_reload {
        missing.push(format!("GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO {role}"));
    }
    if !may_read {
        missing.push(grant_files(&name));
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::denied(format!("ALTER SYSTEM as {role}; nothing was changed"), missing.join("; ")))
}

async fn lacking(client: &Client, names: &[&str]) -> Result<Vec<String>, Error> {
    let names: Vec<String> = names.iter().map(|name| Literal(name).to_string()).collect();
    let sql = format!(
        "SELECT n.name FROM pg_catalog.unnest(ARRAY[{}]::pg_catalog.text[]) AS n(name)
         WHERE NOT pg_catalog.has_parameter_privilege(n.name, 'ALTER SYSTEM')",
        names.join(", ")
    );
    let rows = client.query_typed(&sql, &[]).await.map_err(Error::statement)?;
    rows.iter().map(|row| row.try_get(0).map_err(Error::statement)).collect()
}
