"""What every store promises to the endpoint above it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from endpoint.state.worlds import ELSEWHERE, HERE, MESHES, Pause, mesh, names, putting

from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.state.open_store import open_store
from reconciler.endpoint.state.store import Snapshot, Store
from reconciler.endpoint.state.tables import Collection, Resource, Tables, TokenRecord


@pytest.fixture(
    params=["directory", "memory", pytest.param("postgresql", marks=pytest.mark.process)]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    kind: str = request.param
    url = request.getfixturevalue("database").empty_database() if kind == "postgresql" else None
    store, _ = open_store(url, tmp_path if kind == "directory" else None)
    with closing(store):
        yield store


def write(store: Store, work: Callable[[Tables], object], scope: object = HERE) -> int:
    return store.write(scope, work).result().revision  # type: ignore[arg-type]


def test_what_is_written_is_read(store: Store) -> None:
    resource = mesh("pay", text="\u0000 \u20ac", number=2**53, nested={"list": [1.5, None]})
    write(store, lambda tables: tables.put(resource))
    assert store.read(lambda tables: tables.find(MESHES, "pay")).result() == resource
    assert store.read(lambda tables: tables.find(MESHES, "other")).result() is None


def test_a_resource_is_replaced_and_removed(store: Store) -> None:
    write(store, putting("pay"))
    write(store, lambda tables: tables.put(mesh("pay", a=1)))
    assert store.read(lambda tables: tables.count(MESHES)).result() == 1
    write(store, lambda tables: tables.remove(mesh("pay")))
    assert store.read(lambda tables: tables.find(MESHES, "pay")).result() is None


def test_the_revision_rises_by_one_with_each_write_of_its_scope(store: Store) -> None:
    assert store.revision(HERE) == 0
    assert [write(store, putting(f"m{number}")) for number in range(3)] == [1, 2, 3]
    assert write(store, putting("far", ELSEWHERE), ELSEWHERE) == 1
    assert (store.revision(HERE), store.revision(ELSEWHERE)) == (3, 1)


def test_a_write_without_an_effect_raises_no_revision(store: Store) -> None:
    write(store, putting("pay"))
    assert write(store, lambda _: None) == 1
    record = TokenRecord("digest", "{}")
    assert write(store, lambda tables: tables.put_token(HERE, "t", record, 1)) == 1
    assert store.revision(HERE) == 1


def test_a_write_in_the_scope_of_another_account_counts_there(store: Store) -> None:
    def share(tables: Tables) -> None:
        if tables.find_token(HERE, "t") is None:
            tables.put(mesh("guest", ELSEWHERE))
            tables.put_token(HERE, "t", TokenRecord("digest", "{}"), 1)

    assert write(store, share, ELSEWHERE) == 1
    assert write(store, share, HERE) == 0
    assert write(store, putting("hidden", ELSEWHERE), HERE) == 2
    assert (store.revision(HERE), store.revision(ELSEWHERE)) == (0, 2)


def test_a_refused_write_leaves_its_neighbors_alone(store: Store) -> None:
    def refused(tables: Tables) -> None:
        tables.put(mesh("half"))
        raise ApiError("ConflictException", "no")

    pause = Pause()
    first = store.write(HERE, pause)
    pause.begun()
    writes = [store.write(HERE, work) for work in (putting("one"), refused, putting("two"))]
    pause.go()
    first.result()
    with pytest.raises(ApiError):
        writes[1].result()
    assert [writes[each].result().revision for each in (0, 2)] == [1, 2]
    assert names(store) == ["one", "two"]


def test_what_follows_a_commit_does_not_follow_a_refusal(store: Store) -> None:
    done: list[str] = []

    def following(name: str) -> Callable[[Tables], None]:
        def work(tables: Tables) -> None:
            tables.put(mesh(name))
            tables.after_commit.append(lambda: done.append(name))
            if name == "refused":
                raise ApiError("ConflictException", "no")

        return work

    write(store, following("kept"))
    with pytest.raises(ApiError):
        write(store, following("refused"))
    assert done == ["kept"]


def test_a_write_that_nobody_waits_for_any_more_is_not_begun(store: Store) -> None:
    pause = Pause()
    first = store.write(HERE, pause)
    pause.begun()
    abandoned = store.write(HERE, putting("pay"))
    assert abandoned.cancel()
    pause.go()
    first.result()
    write(store, putting("other"))
    assert names(store) == ["other"]


@pytest.mark.unmeasured
def test_writes_of_many_threads_are_one_after_the_other(store: Store) -> None:
    def add(tables: Tables) -> int:
        found = tables.find(MESHES, "sum")
        number = found.spec["number"] + 1 if found else 1
        tables.put(mesh("sum", number=number))
        return number

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: store.write(HERE, add).result(), range(200)))
    assert sorted(result.outcome for result in results) == list(range(1, 201))
    assert all(result.outcome == result.revision for result in results)


def test_a_waiter_wakes_for_a_write_of_its_scope(store: Store) -> None:
    assert store.wait(HERE, -1, timeout=30) == 0
    assert store.wait(HERE, 0, timeout=0.01) == 0
    seen: list[int] = []
    waiting = threading.Thread(target=lambda: seen.append(store.wait(HERE, 0, timeout=30)))
    waiting.start()
    write(store, putting("far", ELSEWHERE), ELSEWHERE)
    write(store, putting("pay"))
    waiting.join()
    assert seen == [1]


@pytest.mark.unmeasured
def test_read_all_is_the_effect_of_the_writes_up_to_its_revision(store: Store) -> None:
    done = threading.Event()

    def churn() -> None:
        for number in range(100):
            write(store, putting(f"m{number:03}"))
        done.set()

    churning = threading.Thread(target=churn)
    churning.start()
    revisions = set()
    while not done.is_set():
        shot = store.read_all(HERE)
        assert [each.name for each in shot.resources] == [
            f"m{number:03}" for number in range(shot.revision)
        ]
        revisions.add(shot.revision)
    churning.join()
    assert store.read_all(HERE).revision == 100
    assert store.read_all(ELSEWHERE) == Snapshot(0, ())


def test_a_spec_that_did_not_change_is_the_object_of_the_snapshot_before(store: Store) -> None:
    for name in ("a", "b"):
        write(store, putting(name))
    before = store.read_all(HERE)
    changed = mesh("b", egressFilter={"type": "ALLOW_ALL"})
    write(store, lambda tables: tables.put(changed))
    found, same = store.read_all(HERE, before), store.read_all(HERE)
    assert found == same
    specs = [
        (old.spec, new.spec) for old, new in zip(before.resources, found.resources, strict=True)
    ]
    assert [old is new for old, new in specs] == [True, False]


def test_clearing_empties_every_scope_and_raises_every_revision(store: Store) -> None:
    write(store, putting("pay"))
    write(store, putting("far", ELSEWHERE), ELSEWHERE)
    write(store, lambda tables: tables.put_token(HERE, "t", TokenRecord("digest", "{}"), 1))
    write(store, Tables.clear, None)
    assert names(store) == names(store, ELSEWHERE) == []
    assert (store.revision(HERE), store.revision(ELSEWHERE)) == (2, 2)
    assert store.read(lambda tables: tables.find_token(HERE, "t")).result() is None


def test_tokens_are_kept_for_each_scope_and_dropped_by_age(store: Store) -> None:
    old, new = TokenRecord("a", '{"n": "\u20ac"}'), TokenRecord("b", "{}")
    write(store, lambda tables: tables.put_token(HERE, "t", old, 1000))
    write(store, lambda tables: tables.put_token(ELSEWHERE, "t", new, 1000), ELSEWHERE)
    write(store, lambda tables: tables.put_token(HERE, "u", new, 2000))

    def records() -> list[TokenRecord | None]:
        where = ((HERE, "t"), (HERE, "u"), (ELSEWHERE, "t"))
        return store.read(lambda tables: [tables.find_token(*each) for each in where]).result()

    def found_since(moment: int) -> TokenRecord | None:
        return store.read(lambda tables: tables.find_token(HERE, "t", moment)).result()

    assert records() == [old, new, new]
    assert (found_since(1000), found_since(1001)) == (old, None)
    write(store, lambda tables: tables.drop_tokens(HERE, 2000))
    assert records() == [None, new, new]
    write(store, lambda tables: tables.put_token(HERE, "u", old, 3000))
    assert records() == [None, old, new]


ORDERED = (
    "A",
    "B b",
    "Z",
    "_",
    "a",
    "a-b",
    "a.b",
    "aB",
    "ab",
    "b",
    "\u00e9",
    "\u20ac",
    "\U0001f600",
)


def test_names_are_ordered_by_their_bytes_and_paged(store: Store) -> None:
    for name in reversed(ORDERED):
        write(store, putting(name))
    assert names(store) == sorted(ORDERED) == list(ORDERED)
    pages: list[str] = []
    after: tuple[str, ...] = ()

    def page() -> list[str]:
        found = store.read(lambda tables: tables.page(MESHES, 3, ("name",), after)).result()
        return [each.name for each in found]

    while found := page():
        pages += found
        after = (found[-1],)
    assert pages == list(ORDERED)


def test_a_list_can_be_ordered_by_several_columns_and_hold_all_accounts(store: Store) -> None:
    write(store, putting("a"))
    write(store, putting("a", ELSEWHERE), ELSEWHERE)
    order = ("created", "uid", "account")

    def accounts(after: tuple[str | int, ...]) -> list[str]:
        page = store.read(
            lambda tables: tables.page(MESHES, 9, order, after, all_accounts=True)
        ).result()
        return [each.collection.scope.account for each in page]

    assert accounts(()) == [HERE.account, ELSEWHERE.account]
    assert accounts((0, "uid-a", HERE.account)) == [ELSEWHERE.account]
    assert accounts((1, "", "")) == []


@pytest.mark.unmeasured
def test_all_tagged_resources_are_found_page_by_page(store: Store) -> None:
    def put(tables: Tables) -> None:
        for number in range(501):
            tables.put(mesh(f"m{number:03}")._replace(tags={"a": "1"}))
        tables.put(mesh("untagged"))

    write(store, put)
    found = store.read(lambda tables: [each.name for each in tables.tagged(HERE)]).result()
    assert found == [f"m{number:03}" for number in range(501)]
    after = (HERE.account, "Mesh", "", "m498")
    rest = store.read(lambda tables: [each.name for each in tables.tagged(HERE, after)]).result()
    assert rest == ["m499", "m500"]


def test_descendants_are_those_whose_spec_has_the_text(store: Store) -> None:
    def put(tables: Tables) -> None:
        for parent, target in (
            ("pay", "%a_"),
            ("pay/r", "%a_"),
            ("pay", "xax"),
            ("payroll", "%a_"),
        ):
            kind = Collection(HERE, "Route", parent)
            name = f"{parent}-{target}".replace("/", "-")
            tables.put(Resource(kind, name, HERE.account, "u", 1, 0, 0, {"to": target}, {}))

    write(store, put)
    found = store.read(
        lambda tables: [each.name for each in tables.descendants(MESHES, "pay", "Route", '"%a_"')]
    ).result()
    assert sorted(found) == ["pay-%a_", "pay-r-%a_"]
