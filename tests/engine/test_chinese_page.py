"""A page in Chinese: what an app refuses, and what it finds doubtful, is told in Chinese there; a
program that calls the engine gets English."""

import pytest
from fitting_room.services.engine import failure
from pages import MAKE_SMALL, shot
from PIL import Image
from small_graphs import DRAWING, size_for
from test_apps import SAMPLES, SET_LANGUAGE, open_app, press_run, upload

SET = """([kind, name, value]) => {
    const node = window.app.graph.nodes.find(one => one.type === kind)
    node.widgets.find(one => one.name === name).value = value
}"""
MESSAGE = ".fitting-room-message"
COMPOUND = (
    ("The garment cannot be read from its wearer: the wearer is seen from behind. Use a photo of "
     "the whole garment, seen from the front, with nothing in front of it; a photo of the garment "
     "laid flat is best.",
     "无法从穿着者身上识别这件服装：穿着者背对镜头。"
     "请使用服装完整、正面、前面没有遮挡的照片；平铺的照片最好。"),
    ("To try on a garment of the category 'lower' the photo must show the person's hips, but they "
     "are outside it. Use a photo that shows more of the person.",
     "试穿下装时，照片中必须看得到人物的臀部，但它们在画面之外。请使用露出更多身体的照片。"),
    ("Nobody could make this picture.\nleffa/vitonhd: The licence of Leffa is not agreed to yet. "
     "missing: a.pth\nfal/x: it is not in the tier best of routes.toml",
     "没有任何模型或服务能生成这张图片。\nleffa/vitonhd：尚未同意 Leffa 的许可证。缺失：a.pth\n"
     "fal/x：不在 routes.toml 的 best 档中"),
    ("0: doubtful: The hood was left out: it hangs behind. Both arms lie across the trunk, and "
     "what it covers of the garment is a guess.",
     "0：效果存疑：兜帽垂在身后，没有画出。两只手臂横在身前，服装被遮住的部分是推测的。"),
    ("person picture 1 scores 0.9 and the limit of level strict is 0.2; garment picture 2 (a.png) "
     "scores 0.8 and the limit of level strict is 0.2",
     "人物图片 1 得分 0.9，级别“严格”的阈值是 0.2；"
     "服装图片 2 (a.png) 得分 0.8，级别“严格”的阈值是 0.2"),
    ("Words that nobody knows: a (b; c), d and e. Or upper.",
     "Words that nobody knows: a (b; c), d and e. Or upper."),
)  # fmt: skip
LOOK_UP = """async texts => {
    const { inPageLanguage } = await import("/extensions/comfyui-fitting-room/sentences.js")
    return texts.map(inPageLanguage)
}"""


@pytest.fixture
def chinese(page):
    page.evaluate(SET_LANGUAGE, "zh")
    yield page
    page.evaluate(SET_LANGUAGE, "en")


def run(page, engine):
    """Presses Run and waits for the end. Returns the history entry and what the page tells."""
    history = press_run(page, engine, language="zh")
    page.locator(MESSAGE).first.wait_for(timeout=10000)
    page.wait_for_timeout(500)
    texts = page.locator(f"{MESSAGE} .p-toast-detail").all_inner_texts()
    shot(page, "chinese-messages")
    for _ in texts:
        page.locator(f"{MESSAGE} .p-toast-close-button").first.click()
        page.wait_for_timeout(500)
    return history, texts


def refused(page, engine, english, chinese):
    history, texts = run(page, engine)
    assert failure(history)["exception_message"].startswith(english)
    assert len(texts) == 1 and texts[0].startswith(chinese)
    assert not set("qwertyuiop") & set(texts[0].replace("x", "")), "no English is left"


@pytest.fixture
def garments(tmp_path):
    """Photos of what no garment can be made of, and of one with something beside it."""
    shirt = Image.open(SAMPLES / "tshirt.png").convert("RGB")
    width, height = shirt.size
    two = Image.new("RGB", (2 * width, height), "white")
    two.paste(shirt, (0, 0))
    two.paste(shirt, (width, 0))
    two.save(tmp_path / "two.png")
    shirt.transpose(Image.Transpose.ROTATE_180).save(tmp_path / "turned.png")
    Image.new("RGB", (600, 600), "white").save(tmp_path / "blank.png")
    beside = Image.new("RGB", (width + width // 2, height), shirt.getpixel((2, 2)))
    beside.paste(shirt, (0, 0))
    beside.paste("darkred", (width + width // 8, height // 2, width + width // 3, height * 2 // 3))
    beside.save(tmp_path / "beside.png")
    return tmp_path


def test_refusals_of_the_preview(chinese, engine, garments):
    page = chinese
    open_app(page, "preview_try_on")
    upload(page, 0, "tshirt.png")
    refused(page, engine, "Nobody was found in the photo", "照片中没有找到人（")
    upload(page, 0, "person.jpg")
    page.evaluate(SET, ["FittingRoomBodyPose", "person", 3])
    refused(page, engine, "Person 3 was asked for", "选择了第 3 个人，但照片中只有 1 个人")
    page.evaluate(SET, ["FittingRoomBodyPose", "person", 0])
    for file, english, told in (
        ("two.png", "One garment was wanted", "需要一件服装，但这张图中有 2 件。"),
        ("turned.png", "A garment that stands upright", "需要正放的服装，但图中的服装上下颠倒。"),
        ("blank.png", "A garment on a plain background", "需要纯色背景上的服装，但"),
    ):
        upload(page, 1, garments / file)
        refused(page, engine, english, told)
    assert page.complaints == []


def test_a_doubtful_result_is_told_beside_it(chinese, engine, garments):
    page = chinese
    open_app(page, "preview_try_on")
    upload(page, 0, "person.jpg")
    upload(page, 1, garments / "beside.png")
    history, texts = run(page, engine)
    assert failure(history) is None
    told = [doubt for made in history["outputs"].values() for doubt in made.get("doubts", [])]
    assert told[0] == "doubtful: Something smaller beside the garment was left out."
    assert texts[0] == "效果存疑：服装旁边的小物件没有画出。"
    assert len(texts) == len(told) and all(text.startswith("效果存疑：") for text in texts)
    again, texts = run(page, engine)
    assert failure(again) is None
    assert len(texts) == len(told), "also where the result is kept from before"


def test_what_the_safety_filter_and_missing_files_stop(chinese, engine, graph):
    page = chinese
    open_app(page, "leffa")
    page.evaluate(MAKE_SMALL, [list(DRAWING), size_for(graph("leffa"))])
    page.evaluate(SET, ["FittingRoomLoadModel", "folder", "nowhere"])
    history, texts = run(page, engine)
    assert "cannot be loaded" in failure(history)["exception_message"]
    assert texts[0].startswith("无法加载 Leffa") and "缺失：" in texts[0]
    page.evaluate(SET, ["FittingRoomLoadModel", "folder", ""])
    page.evaluate(SET, ["FittingRoomSafetyFilter", "level.person_threshold", 0])
    history, texts = run(page, engine)
    assert failure(history)["exception_message"].startswith("The safety filter")
    assert texts[0].startswith("安全过滤器（") and "人物图片 1 得分" in texts[0]
    assert page.complaints == []


def test_sentences_within_sentences(chinese):
    texts = [english for english, _ in COMPOUND]
    assert chinese.evaluate(LOOK_UP, texts) == [told for _, told in COMPOUND]
    chinese.evaluate(SET_LANGUAGE, "en")
    assert chinese.evaluate(LOOK_UP, texts) == texts
