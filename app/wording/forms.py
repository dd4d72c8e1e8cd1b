"""Words of the room ``forms``: Excel files that come in, (Chinese, English). Headings of printed forms are in ``app.forms.words``."""

SENTENCES: dict[str, tuple[str, str]] = {
    # the file
    "workbook_empty_file": ("文件是空的", "The file is empty"),
    "workbook_too_large": ("文件过大，上限 {limit} 字节", "The file is too large; the limit is {limit:byte|bytes}"),
    "workbook_unpacks_too_large": ("文件解压后过大", "The file is too large once unpacked"),
    "workbook_old_format": (
        "这是旧的 .xls 或加了密码的文件；请在 Excel 里打开，另存为不加密的“Excel 工作簿（.xlsx）”再传",
        "This is an old .xls or a protected file; open it in Excel, save it as “Excel Workbook (.xlsx)” without a password and send that",
    ),
    "workbook_not_xlsx": (
        "不是可读取的 .xlsx 文件；请在 Excel 里打开，另存为“Excel 工作簿（.xlsx）”再传",
        "Not an .xlsx file that can be read; open it in Excel, save it as “Excel Workbook (.xlsx)” and send that",
    ),
    "workbook_no_headings": ("前 {rows} 行没有找到表头（须有{columns}）", "No heading row among the first {rows:row|rows} ({columns_en})"),
    "workbook_column_missing": ("工作表“{sheet}”缺少栏目：{columns}", "Sheet “{sheet}” lacks columns: {columns_en}"),
    "workbook_heading_twice": ("工作表“{sheet}”的栏目“{column}”重复", "Sheet “{sheet}” has column {column_en} twice"),
    "workbook_no_rows": ("表格里没有内容", "There is nothing in the table"),
    "workbook_too_many_rows": ("超过 {limit} 行，请分成几个文件", "More than {limit:row|rows}; split the file"),
    "workbook_several_sheets": ("有几张工作表都有内容，请只保留要导入的一张", "Several sheets hold something; keep only the one that is meant"),
    "workbook_differs": ("生成的文件与批次内容不一致，未输出", "The file made is not what was to be written; it was not given out"),
    # cells
    "number_malformed": ("数字格式有误", "The number is malformed"),
    "number_decimals": ("最多三位小数", "At most three decimals"),
    "number_range": ("须大于 0 且不超过 {greatest}", "It is above 0 and at most {greatest}"),
    "share_whole": ("份额须为整数", "A share is a whole number"),
    "team_name_ambiguous": ("本项目有几个班组叫这个名称，请先改名", "Several teams of this project have that name; rename them first"),
    "measure_no_unknown": ("计量表中没有这个序号", "No work of the file has that number"),
}
