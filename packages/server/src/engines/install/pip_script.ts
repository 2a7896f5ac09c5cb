/**
 * pipScript is a Python program that asks pip which wheel it would download and how large that is. pip's commands tell neither the size nor, with many an index, anything at
 * all before they have downloaded the wheel. So this uses the parts that `pip download` is made of, with the user's index, proxy, certificates and credentials as
 * pip knows them. They are not pip's public interface: tried with pip 23.2 and 26.3. Where they have changed it says "moved", and nothing worse.
 * It takes one JSON argument and prints one line of JSON.
 */
export const pipScript = `
import json, logging, os, sys, urllib.parse
asked = json.loads(sys.argv[1])
def tell(**answer):
    print(json.dumps(answer))
    sys.exit(0)
try:
    import pip
except ImportError:
    tell(kind="no pip")
notes = []
class Notes(logging.Handler):
    def emit(self, record):
        text = record.getMessage()
        if text.startswith("Could not fetch URL") and " 404 " not in text:
            notes.append(text)
for name in ("pip._internal.index.collector", "pip._internal.network.utils"):
    logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger(name).addHandler(Notes())
try:
    from pip._internal.cli.cmdoptions import make_target_python
    from pip._internal.commands import create_command
    from pip._vendor.packaging.requirements import Requirement
    wanted = Requirement(asked["requirement"])
    others = set()
    for python in asked["pythons"]:
        command = create_command("download")
        options, _ = command.parse_args(asked["arguments"] + ["--python-version", python, "--abi", "cp" + python.replace(".", "")])
        with command.main_context():
            session = command.get_default_session(options)
            finder = command._build_package_finder(options=options, session=session, target_python=make_target_python(options))
            candidates = finder.find_best_candidate(wanted.name, wanted.specifier)
            others.update(str(c.version) for c in finder.find_all_candidates(wanted.name))
            best = candidates.best_candidate
            if best is None:
                if notes:
                    break
                continue
            link = best.link
            size = None
            if link.is_file:
                size = os.path.getsize(link.file_path)
            else:
                try:
                    answer = session.head(link.url_without_fragment, headers={"Accept-Encoding": "identity"}, allow_redirects=True)
                    if answer.status_code == 200 and "content-length" in answer.headers:
                        size = int(answer.headers["content-length"])
                except Exception:
                    pass
            hash = link.hash if link.hash_name == "sha256" else None
            host = "this machine" if link.is_file else urllib.parse.urlsplit(link.url).hostname
            tell(kind="wheel", file=link.filename, version=str(best.version), python=python, sha256=hash, sizeBytes=size, host=host)
    tell(kind="none", versions=sorted(others), notes=notes)
except (ImportError, AttributeError, TypeError) as moved:
    tell(kind="moved", why=repr(moved))
except Exception as err:
    tell(kind="failed", why=str(err) or repr(err))
`;
