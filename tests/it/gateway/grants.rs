//! What is more than to read, although it is asked for with GET.

use serde_json::json;

use super::echoed::{Echoed, UPGRADE, block_on};

/// What leads into containers and to other servers.
const BEHIND: [&str; 15] = [
    "/api/v1/nodes/n/proxy",
    "/api/v1/nodes/n/proxy/",
    "/api/v1/nodes/n/proxy/exec/a/x/c?command=id",
    "/api/v1/nodes/n:10250/proxy/run/a/x/c?cmd=id",
    "/api/v1/nodes/https:127.0.0.1:10250/proxy/pods",
    "/api/v1/nodes/169.254.169.254/proxy/latest/meta-data",
    "/api/v1/proxy/nodes/n/pods",
    "/api/v1/proxy/namespaces/a/services/s/x",
    "/api/v1/namespaces/a/pods/x/proxy/",
    "/api/v1/namespaces/a/pods/https:x:443/proxy/?watch=1",
    "/api/v1/namespaces/a/services/s/proxy/x?watch=true",
    "/apis/proxied.example.com/v1/proxy/namespaces/a/targets/t",
    "/api/v1/namespaces/a/pods/x/exec?command=id&stdout=1",
    "/api/v1/namespaces/a/pods/x/attach?stdout=1",
    "/api/v1/namespaces/a/pods/x/portforward?ports=80",
];

/// The proxies, and exec over a WebSocket, which is a GET: kubernetes#136550, and what API servers before 1.35 allow.
#[test]
fn who_may_only_read_reaches_nothing_behind_the_api_server() {
    let scene = Echoed::start();
    let central = &scene.central;
    let all = |resources: &[&str]| json!({ "clusters": ["*"], "namespaces": ["*"], "resources": resources, "verbs": ["get", "list", "watch"] });
    central.make_role(&json!({ "name": "reader", "permissions": [all(&["*"]), all(&["nodes", "pods", "services"])] }));
    let readers = ["viewer", "reader"].map(|role| central.user(&format!("{role}@example.com"), &[role]));
    block_on(async {
        let mut wire = scene.http1().await;
        for reader in &readers {
            for target in BEHIND {
                for method in ["GET", "HEAD", "POST"] {
                    let head = Echoed::head_of(reader, method, target, "Content-Length: 0\r\n");
                    if method == "HEAD" {
                        // The answer has the length of a body, and none.
                        let mut own = scene.http1().await;
                        let _ = own.send(head.as_bytes()).await;
                        let said = String::from_utf8(own.line().await.unwrap_or_default()).expect("text");
                        assert!(said.starts_with("HTTP/1.1 403"), "{target}: {said}");
                        assert_eq!(scene.echo.taken(), [], "HEAD {target}");
                        continue;
                    }
                    scene.say(&mut wire, &head).await.refused(403, &format!("{method} {target}"));
                }
                for protocol in ["websocket", "SPDY/3.1"] {
                    let lines = UPGRADE.replace("websocket", protocol);
                    scene.once(&Echoed::head_of(reader, "GET", target, &lines)).await.refused(403, target);
                    scene.once(&Echoed::head_of(reader, "POST", target, &lines)).await.refused(403, target);
                }
            }
        }
    });
}

/// Each has a grant of its own, which opens nothing else.
#[test]
fn a_grant_opens_what_it_names_and_nothing_else() {
    let scene = Echoed::start();
    let pods = "/api/v1/namespaces/a/pods/";
    for (role, resource, verb, (begin, part)) in [
        ("nodes-proxy", "nodes/proxy", "get", ("/api/v1/nodes/", "/proxy")),
        ("pods-proxy", "pods/proxy", "get", (pods, "/proxy/")),
        // To read all that is below pods is not to reach into them.
        ("below-pods", "pods/*", "get", ("nothing", "")),
        ("exec", "pods", "exec", (pods, "/exec?")),
        ("exec-written-out", "pods/exec", "create", (pods, "/exec?")),
        ("attach", "pods", "attach", (pods, "/attach?")),
        ("port-forward", "pods", "port-forward", (pods, "/portforward?")),
    ] {
        let permission = json!({ "clusters": ["*"], "namespaces": ["*"], "resources": [resource], "verbs": [verb] });
        scene.central.make_role(&json!({ "name": role, "permissions": [permission] }));
        let user = scene.central.user(&format!("{role}@example.com"), &[role]);
        block_on(async {
            for target in BEHIND {
                let came = scene.once(&Echoed::head_of(&user, "GET", target, UPGRADE)).await;
                match target.starts_with(begin) && target.contains(part) {
                    true => assert_eq!(came.seen.len(), 1, "{role}: {target}: {came:#?}"),
                    false => came.refused(403, &format!("{role}: {target}")),
                }
            }
        });
    }
}
